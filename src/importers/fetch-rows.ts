import { Readable } from 'node:stream'
import type { FetchedRows } from '../domain/imports/import-work.ts'
import type { RemoteSource } from '../domain/imports/row-source.ts'
import { AppError } from '../lib/errors.ts'
import { textBatches } from '../lib/text-batches.ts'
import type { App } from '../platform/app.ts'
import type { WebFile } from '../platform/web-client.ts'
import { googleExportUrl } from './google-sheet.ts'
import { manifestRows } from './iiif-rows.ts'
import { chooseImporter } from './index.ts'
import { bucketRows } from './s3-rows.ts'
import type { BucketKeys } from './signed-address.ts'

/** A large file from a slow site. */
const TIME_MS = 5 * 60_000
/** Everything that an import asks for together, so that no site keeps others' imports waiting. */
const TIME_ALL_MS = 15 * 60_000
/** Enough to tell what kind of file it is. */
const HEAD_BYTES = 4_096
const ACCEPT = 'text/csv, application/json, application/x-ndjson, text/plain;q=0.9, */*;q=0.5'

/**
 * The rows at an address, as a file that an importer reads.
 *
 * @param options.bucketSecret of a source with the keys to a bucket.
 * @param options.signal nobody waits for them any more.
 * @param options.timeMs how long all requests may take together, in milliseconds.
 * @throws UnreachableError when trying again may help; AppError when it will not.
 */
export async function fetchRows(
  app: Pick<App, 'web' | 'config'>,
  source: RemoteSource,
  { bucketSecret, signal, timeMs = TIME_ALL_MS }: FetchOptions = {},
): Promise<FetchedRows> {
  const until = Date.now() + timeMs
  const get = (url: string, accept = ACCEPT) => {
    signal?.throwIfAborted()
    const left = until - Date.now()
    if (left <= 0) throw new AppError('invalid', 'This site takes too long to give all of its list.')
    const limits = { bytesMax: app.config.imports.bytesMax, timeMs: Math.min(TIME_MS, left), accept }
    return app.web.get(url, { ...limits, ...(signal && { signal }) })
  }
  switch (source.kind) {
    case 'url':
      return asList(await get(source.url))
    case 'google-sheet':
      return asList(await get(googleExportUrl(source.url, app.config.imports.googleUrl)), 'Google Sheet')
    case 'iiif':
      return asJson(manifestRows(source.url, get), 'IIIF manifest')
    case 's3':
      return asJson(bucketRows(source.url, get, keysOf(source, bucketSecret)), 'bucket')
  }
}

export interface FetchOptions {
  bucketSecret?: string | undefined
  signal?: AbortSignal
  timeMs?: number
}

function keysOf(
  { keys }: Extract<RemoteSource, { kind: 's3' }>,
  secret: string | undefined,
): BucketKeys | undefined {
  return keys && secret !== undefined ? { ...keys, secret } : undefined
}

function asJson(rows: AsyncIterable<object>, fileName: string): FetchedRows {
  const text = textBatches(listOf(rows), String)
  return { importer: 'json', fileName, content: Readable.from(text, { objectMode: false }) }
}

/** A JSON list: of rows by line, a single one would be no list. */
async function* listOf(rows: AsyncIterable<object>): AsyncGenerator<string> {
  let before = '['
  for await (const row of rows) {
    yield `${before}${JSON.stringify(row)}`
    before = ',\n'
  }
  yield ']'
}

/** A list as it stands at an address, by what the site calls it, else by how it begins. */
async function asList(file: WebFile, fileName = file.name): Promise<FetchedRows> {
  const chunks = file.content[Symbol.asyncIterator]()
  const begin: Uint8Array[] = []
  let bytes = 0
  while (bytes < HEAD_BYTES) {
    const next = await chunks.next()
    if (next.done === true) break
    begin.push(next.value)
    bytes += next.value.length
  }
  const head = Buffer.concat(begin)
  if (file.type === 'text/html' || /^\s*<(!doctype html|html)/i.test(head.toString('utf8', 0, 200))) {
    await chunks.return?.()
    throw new AppError('invalid', WEB_PAGE)
  }
  async function* whole(): AsyncGenerator<Uint8Array> {
    yield head
    yield* { [Symbol.asyncIterator]: () => chunks }
  }
  const importer = chooseImporter(nameByType(file), head)
  return { importer: importer.name, fileName, content: Readable.from(whole(), { objectMode: false }) }
}

const WEB_PAGE =
  'There is a web page at this address and not a list. Give the address of the file itself; a sheet has to be shared with everybody who has the link.'

const ENDINGS: Readonly<Record<string, string>> = {
  'text/csv': 'csv',
  'text/tab-separated-values': 'tsv',
  'application/json': 'json',
  'application/geo+json': 'json',
  'application/x-ndjson': 'ndjson',
  'application/jsonl': 'jsonl',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': 'xlsx',
}

/** A name by which the importer is chosen: that of the type, else its own, else that of a text. */
function nameByType({ type, name }: WebFile): string {
  const ending = ENDINGS[type]
  if (ending !== undefined) return `list.${ending}`
  if (/\.(csv|tsv|tab|json|jsonl|ndjson|xlsx|zip)$/i.test(name)) return name
  return type === 'application/zip' ? 'list.zip' : 'list.txt'
}
