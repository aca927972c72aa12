import { AppError, ForbiddenError } from '../lib/errors.ts'
import type { WebFile } from '../platform/web-client.ts'
import { mediaRow } from './media-keys.ts'
import { signedAddress } from './signed-address.ts'
import type { BucketKeys } from './signed-address.ts'
import { readWholeXml } from './xml-reader.ts'

const OBJECTS_MAX = 1_000_000
/** A store may give a page without files now and then; one that gives so many in a row does not come to an end. */
const EMPTY_PAGES_MAX = 100

interface Bucket {
  /** Its address, without a slash at its end. */
  url: string
  prefix: string
}

interface Page {
  keys: string[]
  /** Asks for the next page; undefined behind the last one. */
  next: string | undefined
}

/**
 * A row with PyBossa's keys for each file of an S3-compatible bucket.
 *
 * @param keys where not everybody may list it. The addresses in the rows are without them.
 */
export async function* bucketRows(
  address: string,
  get: (url: string) => Promise<WebFile>,
  keys?: BucketKeys,
): AsyncGenerator<Record<string, string>> {
  const { url, prefix } = bucketAt(new URL(address))
  let count = 0
  let emptyPages = 0
  let next: string | undefined
  do {
    const query = { 'list-type': '2', prefix, ...(next !== undefined && { 'continuation-token': next }) }
    const page = await readPage((await ask(url, query, get, keys)).content)
    for (const key of page.keys) {
      yield mediaRow(key, `${url}/${key.split('/').map(encodeURIComponent).join('/')}`)
    }
    count += page.keys.length
    emptyPages = page.keys.length === 0 ? emptyPages + 1 : 0
    if (emptyPages >= EMPTY_PAGES_MAX)
      throw new AppError('invalid', 'The list of files in this bucket does not end.')
    next = page.next
  } while (next !== undefined && count < OBJECTS_MAX)
  if (count === 0) throw new AppError('invalid', 'There is no file in this bucket.')
  if (next !== undefined) throw new AppError('invalid', 'There are more than 1,000,000 files in this bucket.')
}

async function ask(
  url: string,
  query: Readonly<Record<string, string>>,
  get: (url: string) => Promise<WebFile>,
  keys: BucketKeys | undefined,
): Promise<WebFile> {
  if (!keys) return get(`${url}/?${new URLSearchParams(query).toString()}`)
  try {
    return await get(await signedAddress(`${url}/`, query, keys))
  } catch (error) {
    if (!(error instanceof ForbiddenError)) throw error
    throw new AppError('invalid', REFUSED, { cause: error })
  }
}

const REFUSED =
  'This bucket refuses the access key and its secret. Look whether both are right, may list the bucket and belong to its region.'

/** Amazon names the bucket in the host, other stores name it first in the path. What follows is a folder. */
function bucketAt({ origin, hostname, pathname }: URL): Bucket {
  const path = decodeURIComponent(pathname.slice(1))
  if (/\.s3[.-][\w.-]*amazonaws\.com$/i.test(hostname)) return { url: origin, prefix: path }
  const [bucket = '', ...folders] = path.split('/')
  if (bucket === '') throw new AppError('invalid', 'This address names no bucket.')
  return { url: `${origin}/${encodeURIComponent(bucket)}`, prefix: folders.join('/') }
}

async function readPage(content: AsyncIterable<Uint8Array>): Promise<Page> {
  const path: string[] = []
  const page: Page = { keys: [], next: undefined }
  let text = ''
  await readWholeXml(content, {
    open(name) {
      path.push(name)
      text = ''
    },
    text(part) {
      text += part
    },
    close() {
      const place = path.join('/')
      if (place === 'ListBucketResult/Contents/Key' && !text.endsWith('/')) page.keys.push(text)
      if (place === 'ListBucketResult/NextContinuationToken') page.next = text
      path.pop()
      text = ''
    },
  })
  return page
}
