import { AppError } from '../lib/errors.ts'
import type { WebFile } from '../platform/web-client.ts'
import { mediaRow } from './media-keys.ts'
import { readWholeXml } from './xml-reader.ts'

const OBJECTS_MAX = 1_000_000

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

/** A row with PyBossa's keys for each file of an S3-compatible bucket that everybody may list. */
export async function* bucketRows(
  address: string,
  get: (url: string) => Promise<WebFile>,
): AsyncGenerator<Record<string, string>> {
  const { url, prefix } = bucketAt(new URL(address))
  let count = 0
  let next: string | undefined
  do {
    const query = new URLSearchParams({ 'list-type': '2', prefix })
    if (next !== undefined) query.set('continuation-token', next)
    const page = await readPage((await get(`${url}/?${query.toString()}`)).content)
    for (const key of page.keys) {
      yield mediaRow(key, `${url}/${key.split('/').map(encodeURIComponent).join('/')}`)
    }
    count += page.keys.length
    next = page.next
  } while (next !== undefined && count < OBJECTS_MAX)
  if (count === 0) throw new AppError('invalid', 'There is no file in this bucket.')
  if (next !== undefined) throw new AppError('invalid', 'There are more than 1,000,000 files in this bucket.')
}

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
