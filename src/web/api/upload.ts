import type { NewFile } from '../../domain/uploads/upload-service.ts'
import { withUpload } from '../../http/form.ts'
import type { Context } from '../../http/state.ts'
import type { App } from '../../platform/app.ts'
import { ApiError } from './errors.ts'
import { parseJson } from './input.ts'
import { checkBody, readBody } from './noun.ts'
import type { BodyOf, Noun } from './noun.ts'

/**
 * Takes in the file that a write may bring, and removes it when `work` has ended. Of a form with a file, the other
 * fields are attributes and `info` is JSON.
 *
 * @param work asks by `read` for the body, checked; it throws what `readBody` throws.
 * @throws ApiError AttributeError for a form without `file`; AppError too-large; InvalidError for a broken form.
 */
export async function withFile<A extends Noun['attributes'], T>(
  { config }: Pick<App, 'config'>,
  ctx: Context,
  noun: Noun<A>,
  work: (read: () => Promise<BodyOf<A>>, file: NewFile | undefined) => Promise<T>,
): Promise<T> {
  if (!ctx.is('multipart/form-data')) return work(() => readBody(ctx, noun), undefined)
  const { bytesMax } = config.uploads
  return withUpload(ctx, { field: 'file', bytesMax }, async ({ fields, file }) => {
    if (!file) throw new ApiError('AttributeError', 'The form has no file: it belongs into the field file')
    return work(() => Promise.resolve(checkBody(valuesOf(fields), noun)), file)
  })
}

function valuesOf(fields: Readonly<Record<string, string>>): Record<string, unknown> {
  if (Object.values(fields).some((value) => value.includes('\0')))
    throw new ApiError('DataError', 'The form holds a character that cannot be stored')
  const { info, ...rest } = fields
  return info === undefined ? rest : { ...rest, info: parseJson(info, 'info') }
}
