import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestApp } from '../support/app.ts'
import { publishedProject } from '../support/builders.ts'
import { untilFileEnds } from '../support/file-ending.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const { shortName } = await publishedProject(site, owner)
const settings = `/project/${shortName}/update`

/** The hidden fields of a page's form that leads to an address, with their entities resolved. */
function hiddenFields(text: string, address: string): [string, string][] {
  const [, form = ''] =
    new RegExp(`<form method="post" action="${address}"[^>]*>([\\s\\S]*?)</form>`).exec(text) ?? []
  const plain = (value = '') =>
    value.replace(/&(lt|gt|quot|#39|amp);/g, (_, name: string) => ENTITIES[name] ?? '')
  return [...form.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)].map(
    ([, name, value]) => [plain(name), plain(value)],
  )
}
const ENTITIES: Record<string, string> = { lt: '<', gt: '>', quot: '"', '#39': "'", amp: '&' }

test('a form sent after the session ended is handed back whole, to be sent again', async () => {
  const name = `Birds "of" <the> river & 'sea'`
  const form = new URLSearchParams([
    ['name', name],
    ['description', 'First line\r\nsecond line'],
    ['longDescription', ''],
    ['tag', 'a'],
    ['tag', 'b'],
    ['password', 'four plain test words'],
    ['x"><script>', '1'],
  ])
  const page = await site.http.post(settings).type('form').send(form.toString()).expect(401)
  assert.match(page.text, /You are signed out/)
  assert.match(
    page.text,
    /<a [^>]*href="\/account\/signin" target="_blank"[^>]*>Sign in \(opens in a new tab\)</,
  )
  assert.match(page.text, /<button [^>]*>Send again</)
  assert.equal(page.headers['cache-control'], 'private, no-store')
  assert.ok(!page.text.includes('four plain test words'), 'the password is not sent back')
  assert.ok(!page.text.includes('<script>'), 'markup stays text')

  form.delete('password')
  const kept = hiddenFields(page.text, settings)
  assert.deepEqual(kept, [...form])

  await site.http.post(settings).type('form').send(new URLSearchParams(kept).toString()).expect(401)
  await owner.http.post(settings).type('form').send(new URLSearchParams(kept).toString()).expect(302)
})

test('of an upload the text is kept, and the file has to be chosen again', async () => {
  const path = `/project/${shortName}/tasks/import`
  const both = await site.http
    .post(path)
    .field('text', 'a;b\n1;2')
    .attach('file', Buffer.from('secret rows'), 'list.csv')
    .expect(401)
  assert.deepEqual(hiddenFields(both.text, path), [['text', 'a;b\n1;2']])
  assert.match(both.text, /enctype="multipart\/form-data"/)
  assert.match(both.text, /Your file could not be kept: choose it again/)
  assert.match(both.text, /<input id="again-1" name="file" type="file"/)
  assert.ok(!both.text.includes('secret rows'))
  const text = await site.http.post(path).field('text', 'a;b').expect(401)
  assert.ok(!text.text.includes('type="file"'))
})

test('what is too large or broken is not kept, and the page says where it still is', async () => {
  const large = new URLSearchParams({ longDescription: 'x'.repeat(1_100_000) }).toString()
  const page = await site.http.post(settings).type('form').send(large).expect(401)
  assert.match(page.text, /go back in this tab to what you typed/)
  assert.ok(!page.text.includes('Send again'))
  const broken = { 'Content-Type': 'multipart/form-data; boundary=x' }
  await site.http
    .post(settings)
    .set(broken)
    .send('nonsense')
    .expect(401, /go back in this tab/)
})

test('programs that ask for JSON are told as before', async () => {
  const response = await site.http.post(settings).send({ name: 'x' }).expect(401)
  assert.deepEqual(Object.keys(response.body as object).sort(), [
    'code',
    'csrf',
    'description',
    'requestId',
    'template',
    'title',
  ])
})

test('while the database is away pages and API say when to come back', async (t) => {
  const nowhere = 'postgres://app@127.0.0.1:1/none'
  const lost = await startTestApp(t, {
    DATABASE_WRITE_URL: nowhere,
    DATABASE_READ_URL: nowhere,
    LOG_LEVEL: 'error',
  })
  const page = await lost.http.get('/').expect(503, /cannot reach its data/)
  assert.ok(Number(page.headers['retry-after']) > 0)
  const api = await lost.http.get('/api/project').expect(503)
  assert.equal((api.body as Record<string, unknown>)['exception_cls'], 'ServiceUnavailable')
  assert.ok(Number(api.headers['retry-after']) > 0)
})
