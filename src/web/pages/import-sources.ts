import { sealBucketSecret } from '../../domain/imports/import-service.ts'
import type { FetchedFrom } from '../../domain/imports/import-service.ts'
import { RowSource, isRemote } from '../../domain/imports/row-source.ts'
import type { RemoteSource } from '../../domain/imports/row-source.ts'
import { InvalidError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'

/** What people can choose from, beside a file. */
export const REMOTE_KINDS = ['url', 'google-sheet', 'iiif', 's3'] as const

const SECRET_CHARS_MAX = 500

type Fields = Readonly<Record<string, string>>

/** PyBossa's importers that there are here, with the field that holds their address and what they are called here. */
const PYBOSSA_FORMS: ReadonlyMap<string, { field: string; kind: RemoteSource['kind'] }> = new Map([
  ['csv', { field: 'csv_url', kind: 'url' }],
  ['gdocs', { field: 'googledocs_url', kind: 'google-sheet' }],
  ['iiif', { field: 'manifest_uri', kind: 'iiif' }],
  ['s3', { field: 'bucket', kind: 's3' }],
])

/** Whether PyBossa's importer of this name is known; a file is one of them. */
export function isPybossaForm(name: string): boolean {
  return name === 'localCSV' || PYBOSSA_FORMS.has(name)
}

/** The kind that PyBossa's importer of this name is here. */
export function kindOfPybossaForm(name: string): string | undefined {
  return PYBOSSA_FORMS.get(name)?.kind
}

/** What may be shown again in a form: all but a secret. */
export function shownAgain({ bucket_secret: _, ...fields }: Fields): Fields {
  return fields
}

/**
 * Where a form says that rows are fetched from, with the secret it gave sealed.
 *
 * @returns undefined for a form that brings its rows along.
 * @throws InvalidError for what is no address, or for keys that are not whole.
 */
export async function fetchedFrom(
  app: Pick<App, 'sealer'>,
  fields: Fields,
): Promise<FetchedFrom | undefined> {
  const source = remoteSourceOf(fields)
  if (!source) return undefined
  const { bucket_key: key = '', bucket_secret: secret = '' } = fields
  if (source.kind !== 's3' || (key.trim() === '' && secret === '')) return { source, bucketKeys: null }
  if (key.trim() === '') throw refused('bucket_key', 'Give the access key that belongs to the secret.')
  if (secret === '' || secret.length > SECRET_CHARS_MAX)
    throw refused('bucket_secret', 'Give the secret of the access key.')
  const region = fields['bucket_region']?.trim() || regionOf(source.url)
  const withKeys = RowSource.safeParse({ ...source, keys: { key, region } })
  if (!withKeys.success || !isRemote(withKeys.data)) {
    const [issue] = withKeys.error?.issues ?? []
    const field = issue?.path.at(-1) === 'region' ? 'bucket_region' : 'bucket_key'
    throw refused(field, issue?.message ?? 'This cannot be an access key.')
  }
  return { source: withKeys.data, bucketKeys: await sealBucketSecret(app, secret) }
}

/** As Amazon's addresses name it; elsewhere mostly its first one, which most stores take. */
function regionOf(url: string): string {
  return /\.s3[.-]([a-z]{2}-[a-z-]+-\d)\.amazonaws\.com$/i.exec(new URL(url).hostname)?.[1] ?? 'us-east-1'
}

function refused(field: string, message: string): InvalidError {
  return new InvalidError(message, { [field]: message })
}

/** The address that a form names, in our words or PyBossa's. */
export function remoteSourceOf(fields: Fields): RemoteSource | undefined {
  const { form_name: name = '' } = fields
  const form = PYBOSSA_FORMS.get(name)
  if (form) return checked(form.kind, addressOf(fields[form.field] ?? '', form.kind), form.field)
  const { kind, url = '' } = fields
  return kind === undefined ? undefined : checked(kind, url, 'url')
}

/** PyBossa's form asks for the name of a bucket of Amazon's. */
function addressOf(text: string, kind: RemoteSource['kind']): string {
  const isName = kind === 's3' && /^[a-z0-9][a-z0-9.-]+$/.test(text.trim())
  return isName ? `https://${text.trim()}.s3.amazonaws.com/` : text
}

function checked(kind: string, url: string, field: string): RemoteSource {
  const parsed = RowSource.safeParse({ kind, url })
  if (parsed.success && isRemote(parsed.data)) return parsed.data
  const message = parsed.error?.issues.at(-1)?.message ?? 'Choose where the rows are.'
  throw new InvalidError(message, { [field]: message })
}
