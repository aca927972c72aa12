import { RowSource, isRemote } from '../../domain/imports/row-source.ts'
import type { RemoteSource } from '../../domain/imports/row-source.ts'
import { InvalidError } from '../../lib/errors.ts'

/** What people can choose from, beside a file. */
export const REMOTE_KINDS = ['url', 'google-sheet', 'iiif', 's3'] as const

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

/**
 * The address that a form names, in our words or PyBossa's.
 *
 * @returns undefined for a form that brings its rows along.
 * @throws InvalidError for what is no address.
 */
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
