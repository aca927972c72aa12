import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import formidable, { errors as formidableErrors } from 'formidable'
import type { File } from 'formidable'
import rawBody from 'raw-body'
import { AppError, InvalidError } from '../lib/errors.ts'
import type { ResumableUploads } from '../platform/resumable.ts'
import { utf8Text } from '../lib/utf8-text.ts'
import type { Context } from './state.ts'

/** A form without files: 1 MB holds any text that a person types. */
const FORM_BYTES_MAX = 1024 * 1024
/** What a form with a file may hold besides, such as rows that were pasted: it is held in memory. */
const FIELDS_BYTES_MAX = 16 * FORM_BYTES_MAX

/**
 * The fields of a posted form, as a browser sends it or as a JSON object. Of a repeated field the last value counts.
 * The token that PyBossa's clients send along is left out: the request's origin decides (same-origin.ts).
 *
 * @param bytesMax for a form in which more than a few words are written.
 * @throws AppError too-large above the limit; InvalidError when the body is no form, not UTF-8, or holds what cannot be
 *   stored.
 */
export async function readForm(ctx: Context, bytesMax = FORM_BYTES_MAX): Promise<Record<string, string>> {
  if (ctx.is('multipart/form-data')) {
    throw new InvalidError('This form takes no files.')
  }
  const text = await readText(ctx, bytesMax)
  const {
    csrf: _,
    csrf_token: __,
    ...fields
  } = ctx.is('json') ? jsonFields(text) : Object.fromEntries(new URLSearchParams(text))
  if (Object.values(fields).some((value) => value.includes('\0') || !value.isWellFormed())) {
    throw new InvalidError('This form holds a character that cannot be stored.')
  }
  return fields
}

/** A body as text. @throws AppError too-large; InvalidError when it is not UTF-8. */
export async function readText(ctx: Context, bytesMax = FORM_BYTES_MAX): Promise<string> {
  const text = utf8Text(await readBytes(ctx, bytesMax))
  if (text === undefined) throw new InvalidError('This form is not valid UTF-8 text.')
  return text
}

async function readBytes(ctx: Context, bytesMax: number): Promise<Buffer> {
  try {
    return await rawBody(ctx.req, {
      limit: bytesMax,
      length: ctx.get('Content-Length') || null,
    })
  } catch (error) {
    const megabytes = Math.floor(bytesMax / 1_048_576)
    throw new AppError('too-large', `This form is too large: ${megabytes} MB is the most.`, { cause: error })
  }
}

/** What a form that nobody has read brought: its fields in their order, and which of them had a file. */
export interface TypedForm {
  enctype: 'application/x-www-form-urlencoded' | 'multipart/form-data'
  fields: { name: string; value: string }[]
  files: string[]
}

/**
 * What somebody typed, to be handed back without being used: passwords are left out, and of files only the field is told.
 *
 * @returns undefined when there is no form, it was read before, or it is broken or larger than 1 MB.
 */
export async function readTyped(ctx: Context): Promise<TypedForm | undefined> {
  if (ctx.req.readableEnded) return undefined
  try {
    if (ctx.is('urlencoded')) {
      const fields = namedValues([...new URLSearchParams(await readText(ctx))])
      return { enctype: 'application/x-www-form-urlencoded', fields, files: [] }
    }
    return ctx.is('multipart/form-data') ? await readTypedUpload(ctx) : undefined
  } catch {
    return undefined
  }
}

async function readTypedUpload(ctx: Context): Promise<TypedForm> {
  const files: string[] = []
  const form = formidable({
    maxFieldsSize: FORM_BYTES_MAX,
    filter({ name, originalFilename }) {
      if (name && originalFilename) files.push(name)
      return false
    },
  })
  const [fields] = await form.parse(ctx.req)
  const pairs = Object.entries(fields).flatMap(([name, values = []]) =>
    values.map((value): [string, string] => [name, value]),
  )
  return { enctype: 'multipart/form-data', fields: namedValues(pairs), files }
}

function namedValues(pairs: [string, string][]): TypedForm['fields'] {
  return pairs.filter(([name]) => !/passw/i.test(name)).map(([name, value]) => ({ name, value }))
}

function jsonFields(text: string): Record<string, string> {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw new InvalidError('The body is not JSON.')
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new InvalidError('The body is not a JSON object.')
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, fieldText(value)]))
}

/** A value as it would stand in its field, which has nothing for null. */
function fieldText(value: unknown): string {
  if (value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

export interface Upload {
  fields: Record<string, string>
  /** The file of the field asked for, unless none was chosen. */
  file: { path: string; name: string; bytes: number } | undefined
}

/** The field of a form that names an upload which came before, in pieces, in place of a file. */
const resumedField = (field: string) => `${field}_resumable`

interface FileField {
  field: string
  bytesMax: number
  /** Where uploads that came in pieces wait, when the form may name one. */
  resumable?: ResumableUploads
}

/**
 * Reads a form with one file, or JSON without one, and removes the file when `work` has ended. An upload that came in
 * pieces waits for the form to be sent again when `work` throws.
 *
 * @param bytesMax refuses larger files while they arrive.
 * @throws AppError too-large; InvalidError when the body is broken, or names an upload that is not there.
 */
export async function withUpload<T>(
  ctx: Context,
  { field, bytesMax, resumable }: FileField,
  work: (upload: Upload) => Promise<T>,
): Promise<T> {
  if (ctx.is('json')) return work({ fields: await readForm(ctx), file: undefined })
  const folder = await mkdtemp(join(tmpdir(), 'manyhands-upload-'))
  try {
    const form = formidable({
      uploadDir: folder,
      maxFiles: 1,
      maxFileSize: bytesMax,
      maxFieldsSize: Math.min(bytesMax, FIELDS_BYTES_MAX),
      allowEmptyFiles: true,
      minFileSize: 0,
    })
    // PyBossa's Python client sends files without a type; formidable would take them for fields.
    form.onPart = (part) => {
      if (part.originalFilename) part.mimetype ??= 'application/octet-stream'
      form._handlePart(part)
    }
    const [fields, files] = await parseUpload(form, ctx, { field, bytesMax })
    const chosen = files[field]?.find((file) => file.originalFilename)
    const values = Object.fromEntries(Object.entries(fields).map(([name, all]) => [name, all?.at(-1) ?? '']))
    const id = chosen ? undefined : values[resumedField(field)]
    if (!resumable || !id) return await work({ fields: values, file: chosen && sentFile(chosen) })
    const file = await fetchResumed(ctx, { field, bytesMax, resumable }, id, join(folder, 'resumed'))
    const result = await work({ fields: values, file })
    await resumable.remove(ctx.state.db, id)
    return result
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function sentFile({ filepath, originalFilename, size }: File): NonNullable<Upload['file']> {
  return { path: filepath, name: (originalFilename ?? '').replaceAll('\0', ''), bytes: size }
}

async function fetchResumed(
  ctx: Context,
  { field, bytesMax, resumable }: Required<FileField>,
  id: string,
  path: string,
): Promise<NonNullable<Upload['file']>> {
  const found = ctx.state.viewer && (await resumable.find(ctx.state.viewer.id, id))
  if (!found) {
    const message = 'This file did not come whole, or has waited for more than a day. Choose it again.'
    throw new InvalidError(message, { [field]: message })
  }
  if (found.bytes > bytesMax) throw tooLarge(field, bytesMax)
  await resumable.copyTo(id, path)
  return { path, name: found.name.replaceAll('\0', ''), bytes: found.bytes }
}

function tooLarge(field: string, bytesMax: number): AppError {
  const message = `This file is too large: ${Math.floor(bytesMax / 1_048_576)} MB is the most.`
  return new AppError('too-large', message, { fields: { [field]: message } })
}

type Parsed = [Partial<Record<string, string[]>>, Partial<Record<string, File[]>>]

async function parseUpload(
  form: ReturnType<typeof formidable>,
  ctx: Context,
  { field, bytesMax }: { field: string; bytesMax: number },
): Promise<Parsed> {
  try {
    return await form.parse(ctx.req)
  } catch (error) {
    const { code } = error as { code?: number }
    const limits: unknown[] = [
      formidableErrors.biggerThanMaxFileSize,
      formidableErrors.biggerThanTotalMaxFileSize,
      formidableErrors.maxFieldsSizeExceeded,
    ]
    if (limits.includes(code)) throw tooLarge(field, bytesMax)
    throw new InvalidError('The upload was broken off or is not a form.')
  }
}
