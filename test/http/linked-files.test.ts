import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import supertest from 'supertest'
import { mediaUrlOf } from '../../src/domain/uploads/upload-service.ts'
import { fileLink } from '../../src/platform/file-link.ts'
import { startTestApp } from '../support/app.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { S3_HINT, startS3 } from '../support/s3.ts'

const ending = untilFileEnds()
const s3 = await startS3(ending)
const forms = {
  folder: await startTestApp(ending),
  ...(s3 && { bucket: await startTestApp(ending, s3.env(await s3.bucket('linked'))) }),
}
const skip = s3 ? false : S3_HINT

for (const [form, { app, http }] of Object.entries(forms)) {
  test(`${form}: whoever has its link downloads a private file, whole or on from a byte, until it runs out`, async () => {
    const file = { key: 'exports/7/result.zip', name: 'Ответы 7.zip' }
    await app.files.put(file.key, Readable.from([Buffer.from('0123456789')]))
    const { origin, pathname } = new URL(await fileLink(app, file, 60))
    assert.equal(origin, app.config.site.url)
    const whole = await http.get(pathname).buffer().responseType('blob').expect(200)
    const { headers } = whole
    assert.equal(String(whole.body), '0123456789')
    assert.equal(headers['content-type'], 'application/octet-stream')
    assert.match(
      String(headers['content-disposition']),
      /^attachment; .*filename\*=UTF-8''%D0%9E%D1%82%D0%B2%D0%B5%D1%82%D1%8B%207\.zip/,
    )
    assert.equal(headers['cache-control'], 'private, no-store')
    assert.equal(headers['content-security-policy'], "sandbox; default-src 'none'")
    assert.equal(headers['x-content-type-options'], 'nosniff')
    const rest = await http.get(pathname).set('Range', 'bytes=4-').buffer().responseType('blob').expect(206)
    assert.equal(String(rest.body), '456789')
    await http.head(pathname).expect(200).expect('Content-Length', '10')
    await http.post(pathname).expect(404)

    const old = new URL(await fileLink(app, file, -1)).pathname
    const gone = new URL(await fileLink(app, { key: 'exports/7/none.zip', name: 'none.zip' }, 60)).pathname
    for (const wrong of [old, gone, `${pathname.slice(0, -4)}AAAA`, '/files/', '/files/exports/7/result.zip'])
      await http.get(wrong).expect(404, /This link has run out/)
  })
}

test('files are fetched from a CDN when one stands in front, and pages may show them from there', async (t) => {
  const { app, http } = await startTestApp(t, { MEDIA_URL: 'https://cdn.example.org/hands/' })
  const upload = { container: 'user_1', fileName: 'a.png' }
  assert.equal(mediaUrlOf(app, upload), 'https://cdn.example.org/hands/uploads/user_1/a.png')
  const policyOf = async (site: typeof http) =>
    String((await site.get('/')).headers['content-security-policy'])
  assert.match(await policyOf(http), /img-src 'self' data: https:\/\/cdn\.example\.org;/)
  assert.match(await policyOf(forms.folder.http), /img-src 'self' data:;/)
})

test(
  'a bucket that goes away is told to people, and to those who run the site by its name',
  { skip },
  async (t) => {
    const ends: (() => unknown)[] = []
    const own = await startS3({ after: (end) => ends.push(end) })
    assert.ok(own)
    const site = await startTestApp(t, { ...own.env(await own.bucket('going')), LOG_LEVEL: 'silent' })
    const { pathname } = new URL(await fileLink(site.app, { key: 'a', name: 'a' }, 60))
    await site.http.get(pathname).expect(404)
    for (const end of ends) await end()
    const agent = supertest(site.url)
    await agent
      .get(pathname)
      .expect(503, /cannot reach its files at the moment/)
      .expect('Retry-After', '60')
    await agent.get('/uploads/user_1/a.png').expect(503)
  },
)
