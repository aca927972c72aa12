import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import type { RemoteSource } from '../../src/domain/imports/row-source.ts'
import { fetchRows } from '../../src/importers/fetch-rows.ts'
import type { FetchOptions } from '../../src/importers/fetch-rows.ts'
import { googleExportUrl } from '../../src/importers/google-sheet.ts'
import { AppError } from '../../src/lib/errors.ts'
import { loadConfig } from '../../src/platform/config.ts'
import { UnreachableError, createWebClient } from '../../src/platform/web-client.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { makeZip } from '../support/make-zip.ts'
import { startRowsSite } from '../support/rows-site.ts'

const site = await startRowsSite(untilFileEnds())
const config = loadConfig({
  DATABASE_WRITE_URL: 'postgres://nobody@localhost/none',
  REDIS_CACHE_URL: 'redis://localhost',
  REDIS_QUEUE_URL: 'redis://localhost',
  APP_KEYS: JSON.stringify([{ id: 'test', key: Buffer.alloc(32, 7).toString('base64url') }]),
  GOOGLE_SHEETS_URL: site.url,
  IMPORT_MB_MAX: '1',
})
const web = createWebClient(['127.0.0.1'])

async function fetched(kind: RemoteSource['kind'], url: string, options?: FetchOptions) {
  const { importer, fileName, content } = await fetchRows({ config, web }, { kind, url }, options)
  return { importer, fileName, text: await text(content) }
}

/** Why an address is refused for good. */
async function refusal(kind: RemoteSource['kind'], url: string): Promise<string> {
  try {
    await fetched(kind, url)
  } catch (error) {
    assert.ok(error instanceof AppError, String(error))
    return error.message
  }
  throw new Error('It was not refused')
}

test('a list is read by what its site calls it, by its name or by how it begins', async () => {
  const csv = 'a,b\n1,2\n'
  const cases = [
    ['/a', { 'Content-Type': 'text/csv; charset=utf-8' }, csv, 'csv'],
    ['/b.json', { 'Content-Type': 'text/plain' }, '[]', 'json'],
    ['/c', { 'Content-Type': 'text/plain' }, ' [{"a": 1}]', 'json'],
    ['/d', {}, csv, 'csv'],
    ['/e', { 'Content-Type': 'application/x-ndjson' }, '{"a":1}', 'json'],
    ['/f', { 'Content-Disposition': 'attachment; filename="birds.tsv"' }, 'a\tb', 'csv'],
  ] as const
  for (const [path, headers, body, importer] of cases) {
    site.answer(path, { headers, body })
    const rows = await fetched('url', site.url + path)
    assert.deepEqual([rows.importer, rows.text], [importer, body], path)
  }
  assert.equal((await fetched('url', `${site.url}/f`)).fileName, 'birds.tsv')
  site.answer('/', { body: csv })
  assert.equal((await fetched('url', site.url)).fileName, '127.0.0.1')
  const book = await makeZip({ 'a.txt': 'x'.repeat(9_000) })
  site.answer('/book.xlsx', { body: book })
  assert.equal((await fetched('url', `${site.url}/book.xlsx`)).importer, 'xlsx')
  for (const [path, type] of [
    ['/pictures.zip', 'application/octet-stream'],
    ['/pictures', 'application/zip'],
  ] as const) {
    site.answer(path, { headers: { 'Content-Type': type }, body: book })
    assert.equal((await fetched('url', site.url + path)).importer, 'pictures')
  }
  const long = `a\n${'row\n'.repeat(5_000)}`
  site.answer('/long.csv', { body: long })
  assert.equal((await fetched('url', `${site.url}/long.csv`)).text, long)
})

test('a web page, a closed door, nothing at all and too much are refused with what to do', async () => {
  site.answer('/page', { headers: { 'Content-Type': 'text/html' }, body: '<p>Sign in</p>' })
  assert.match(await refusal('url', `${site.url}/page`), /web page at this address/)
  site.answer('/hidden.csv', { body: ' <!DOCTYPE html><p>Sign in</p>' })
  assert.match(await refusal('url', `${site.url}/hidden.csv`), /web page at this address/)
  site.answer('/closed', { status: 403 })
  assert.match(await refusal('url', `${site.url}/closed`), /does not let everybody read/)
  assert.match(await refusal('url', `${site.url}/none`), /nothing at this address/)
  site.answer('/odd', { status: 418 })
  assert.match(await refusal('url', `${site.url}/odd`), /it said 418/)
  const large = Buffer.alloc(1_100_000, 'a')
  site.answer('/large.csv', { body: large })
  assert.match(await refusal('url', `${site.url}/large.csv`), /more than 1 MB/)
  site.answer('/secretly-large.csv', {
    handle: (_request, response) => response.write(large) || response.end(large),
  })
  assert.match(await refusal('url', `${site.url}/secretly-large.csv`), /more than 1 MB/)
  assert.match(await refusal('url', 'http://no-such-site.invalid/a.csv'), /no site of this name/)
})

test('redirects are followed under the same rules, five at most', async () => {
  site.answer('/list.csv', { body: 'a\n1\n' })
  site.answer('/moved', { status: 302, headers: { Location: '/list.csv' } })
  assert.equal((await fetched('url', `${site.url}/moved`)).text, 'a\n1\n')
  const to = async (path: string, location: string) => {
    site.answer(path, { status: 301, headers: { Location: location } })
    return refusal('url', site.url + path)
  }
  assert.match(await to('/round', '/round'), /on and on/)
  assert.match(await to('/file', 'file:///etc/passwd'), /leads on to file:/)
  assert.match(await to('/broken', 'http://['), /no address/)
  assert.match(await to('/inside', 'http://169.254.169.254/latest/meta-data'), /private network/)
  assert.match(await to('/local', 'http://[::1]:1/'), /private network/)
})

test('a site in trouble may be asked again', async () => {
  site.answer('/busy', { status: 503 })
  await assert.rejects(fetched('url', `${site.url}/busy`), UnreachableError)
  site.answer('/cut.csv', {
    handle: (_request, response) => {
      response.writeHead(200, { 'Content-Length': '9000' })
      response.write('x'.repeat(5_000), () => response.destroy())
    },
  })
  await assert.rejects(fetched('url', `${site.url}/cut.csv`), UnreachableError)
  await assert.rejects(fetched('url', 'http://127.0.0.1:1/a.csv'), UnreachableError)
  site.answer('/silent', { handle: () => undefined })
  const limits = { bytesMax: 1, timeMs: 100, accept: '*/*' }
  await assert.rejects(web.get(`${site.url}/silent`, limits), /did not answer within 0.1 seconds/)
})

test('the link of a Google sheet becomes the address of its rows', async () => {
  const google = 'https://docs.google.com'
  const path = (link: string) => googleExportUrl(google + link, google).slice(google.length)
  assert.equal(path('/spreadsheets/d/1-aB_c/edit#gid=12'), '/spreadsheets/d/1-aB_c/export?format=csv&gid=12')
  assert.equal(path('/spreadsheets/d/1aBc/edit?usp=sharing'), '/spreadsheets/d/1aBc/export?format=csv')
  assert.equal(path('/spreadsheets/u/0/d/1aBc/view?gid=x'), '/spreadsheets/d/1aBc/export?format=csv')
  assert.equal(
    path('/spreadsheets/d/e/2PACX-1/pubhtml?gid=3'),
    '/spreadsheets/d/e/2PACX-1/pub?output=csv&gid=3',
  )
  assert.equal(path('/spreadsheet/ccc?key=0Aa'), '/spreadsheets/d/0Aa/export?format=csv')
  for (const link of ['https://docs.google.com/document/d/1/edit', 'https://example.org/spreadsheets/d/1aBc'])
    assert.throws(() => googleExportUrl(link, google), /no link to a Google sheet/)

  site.answer('/spreadsheets/d/1aBc/export', { headers: { 'Content-Type': 'text/csv' }, body: 'a\n1\n' })
  const rows = await fetched('google-sheet', `${google}/spreadsheets/d/1aBc/edit`)
  assert.deepEqual(rows, { importer: 'csv', fileName: 'Google Sheet', text: 'a\n1\n' })
})

const version2 = {
  '@context': 'http://iiif.io/api/presentation/2/context.json',
  '@type': 'sc:Manifest',
  sequences: [
    {
      canvases: [
        {
          '@id': 'https://iiif.example/canvas/1',
          images: [
            {
              resource: {
                '@id': 'https://iiif.example/1.jpg',
                service: { '@id': 'https://iiif.example/1/' },
              },
            },
          ],
        },
        {
          '@id': 'https://iiif.example/canvas/2',
          images: [{ resource: { '@type': 'oa:Choice', default: { '@id': 'https://iiif.example/2.jpg' } } }],
        },
        { '@id': 'https://iiif.example/canvas/3', images: [{ resource: {} }] },
      ],
    },
  ],
}

const version3 = {
  '@context': 'http://iiif.io/api/presentation/3/context.json',
  type: 'Manifest',
  items: [
    {
      id: 'https://iiif.example/canvas/1',
      type: 'Canvas',
      items: [
        {
          items: [
            {
              body: {
                type: 'Choice',
                items: [
                  {
                    type: 'Image',
                    id: 'x',
                    service: [{ id: 'https://iiif.example/1', type: 'ImageService3' }],
                  },
                  { type: 'Image', id: 'y' },
                ],
              },
            },
            { body: { type: 'TextualBody', id: 'z' } },
          ],
        },
      ],
    },
  ],
}

test('a IIIF manifest of either version gives a row for each picture, with PyBossa’s keys', async () => {
  const manifest = `${site.url}/manifest`
  site.answer('/manifest', { body: JSON.stringify(version2) })
  const first = {
    tileSource: 'https://iiif.example/1/info.json',
    target: 'https://iiif.example/canvas/1',
    manifest,
    link: `https://universalviewer.io/uv.html?manifest=${manifest}#?cv=0`,
    url: 'https://iiif.example/1/full/max/0/default.jpg',
    url_m: 'https://iiif.example/1/full/240,/0/default.jpg',
    url_b: 'https://iiif.example/1/full/1024,/0/default.jpg',
  }
  const rows = await fetched('iiif', manifest)
  assert.equal(rows.importer, 'json')
  const [one, two, ...others] = JSON.parse(rows.text) as Record<string, string>[]
  assert.deepEqual([one, others], [first, []])
  assert.deepEqual(
    [two?.['url'], two?.['url_b'], two?.['tileSource']],
    ['https://iiif.example/2.jpg', 'https://iiif.example/2.jpg', undefined],
  )
  site.answer('/manifest', { body: `\ufeff${JSON.stringify(version3)}` })
  assert.deepEqual(JSON.parse((await fetched('iiif', manifest)).text), [first])
})

test('what is no manifest is refused', async () => {
  const says = async (body: string) => {
    site.answer('/manifest', { body })
    return refusal('iiif', `${site.url}/manifest`)
  }
  assert.match(await says('{"type": "Collection"}'), /a collection of manifests/)
  assert.match(await says('[1]'), /no IIIF manifest/)
  assert.match(await says('{"type": "Manifest"}'), /no picture/)
  assert.match(await says('<html>'), /JSON/)
})

function listing(keys: string[], next = ''): string {
  const contents = keys.map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`).join('')
  return `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>
    <CommonPrefixes><Prefix>x/</Prefix></CommonPrefixes>${contents}${next}</ListBucketResult>`
}

test('a bucket gives a row for each file, page by page, with the keys that fit its kind', async () => {
  site.answer('/birds/', {
    handle: (request, response) => {
      const query = new URL(request.url ?? '', site.url).searchParams
      const next = '<NextContinuationToken>t&amp;1</NextContinuationToken>'
      const isSecond = query.get('continuation-token') === 't&1'
      response.end(
        isSecond ? listing(['c.mp3', 'd.mp4', 'e.pdf', 'f.bin']) : listing(['in/', 'in/a &amp; b.JPG'], next),
      )
    },
  })
  const { text: json } = await fetched('s3', `${site.url}/birds/in/river`)
  const base = `${site.url}/birds`
  const kept = (url: string, filename: string) => ({ filename, url, link: url })
  const picture = `${base}/in/a%20%26%20b.JPG`
  assert.deepEqual(JSON.parse(json), [
    { ...kept(picture, 'in/a & b.JPG'), url_m: picture, url_b: picture, title: 'in/a & b.JPG' },
    { ...kept(`${base}/c.mp3`, 'c.mp3'), audio_url: `${base}/c.mp3` },
    { ...kept(`${base}/d.mp4`, 'd.mp4'), video_url: `${base}/d.mp4`, audio_url: `${base}/d.mp4` },
    { ...kept(`${base}/e.pdf`, 'e.pdf'), pdf_url: `${base}/e.pdf` },
    kept(`${base}/f.bin`, 'f.bin'),
  ])
  assert.match(site.asked.at(-2) ?? '', /list-type=2&prefix=in%2Friver$/)
  site.answer('/birds/', { body: listing([]) })
  assert.match(await refusal('s3', `${site.url}/birds`), /no file in this bucket/)
  assert.match(await refusal('s3', site.url), /names no bucket/)
})

test('a bucket whose list never ends is given up, by its pages, by the time it takes and when the worker stops', async () => {
  let pages = 0
  let pause = 0
  let keys: string[] = []
  site.answer('/endless/', {
    handle: (_request, response) => {
      pages += 1
      const next = `<NextContinuationToken>${pages}</NextContinuationToken>`
      setTimeout(() => response.end(listing(keys, next)), pause)
    },
  })
  const url = `${site.url}/endless`
  assert.match(await refusal('s3', url), /does not end/)
  assert.equal(pages, 100)

  keys = ['a.jpg']
  pause = 20
  await assert.rejects(fetched('s3', url, { timeMs: 300 }), /takes too long|did not answer/)
  const stopping = new AbortController()
  setTimeout(() => {
    stopping.abort(new Error('The worker stops'))
  }, 100)
  const began = Date.now()
  await assert.rejects(fetched('s3', url, { signal: stopping.signal }))
  assert.ok(Date.now() - began < 2_000)
})
