import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestApp } from '../../support/app.ts'
import { draftProject, publishedProject } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const stranger = await site.user()
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=',
  'base64',
)

const guideOf = (shortName: string) => `/project/${shortName}/tasks/fieldguide`
const materialsOf = (shortName: string) => `/project/${shortName}/tasks/helpingmaterials`

async function upload(shortName: string, fileName = 'wing.png', description = 'A <wing>') {
  await owner.http
    .post(materialsOf(shortName))
    .field('description', description)
    .attach('file', PNG, fileName)
    .expect(302)
  await waitForReplica()
  return owner.http.get(materialsOf(shortName)).expect(200)
}

async function writeGuide(shortName: string, markdown: string): Promise<string> {
  const { text } = await owner.http.get(guideOf(shortName)).expect(200)
  const [, seen = ''] = /name="seen" value="([^"]*)"/.exec(text) ?? []
  await owner.http.post(guideOf(shortName)).type('form').send({ markdown, seen, step: 'save' }).expect(302)
  await waitForReplica()
  return seen
}

test('an owner uploads a helping material, uses it in the field guide, and people find both beside the task', async () => {
  const { shortName, id } = await publishedProject(site, owner)
  const { text: list } = await upload(shortName)
  const [line = '', address = ''] =
    /!\[A &lt;wing&gt;\]\((http[^)]*\/uploads\/[^)]*-wing\.png)\)/.exec(list) ?? []
  assert.notEqual(line, '')
  await writeGuide(shortName, `# Wings\n\n![A wing](${address})\n\nLook **closely**.`)
  const { text: page } = await site.http.get(`/project/${shortName}/newtask`).expect(200)
  assert.match(page, /id="show-guide"/)
  assert.match(page, /<h3>Wings<\/h3>/)
  assert.match(page, /<img src="\/uploads\/[^"]*wing\.png" alt="A wing" loading="lazy" \/>/)
  const { body } = (await site.http.get('/api/helpingmaterial').query({ project_id: id }).expect(200)) as {
    body: { media_url: string; info: { description: string } }[]
  }
  assert.deepEqual(
    body.map(({ media_url: url, info }) => [url, info.description]),
    [[address, 'A <wing>']],
  )
})

test('a field guide runs no script and shows no picture from elsewhere', async () => {
  const { shortName } = await publishedProject(site, owner)
  const hostile = `<script>alert(1)</script> <img src=x onerror=alert(1)>

![spy](https://spy.example/a.png) ![up](/uploads/../admin) [go](javascript:alert(1)) ![data](data:image/png;base64,AA)`
  await writeGuide(shortName, hostile)
  const { text } = await site.http.get(`/project/${shortName}/newtask`).expect(200)
  const [, guide = ''] = /id="field-guide"([\s\S]*?)<\/section>/.exec(text) ?? []
  assert.doesNotMatch(guide, /<script|<img|javascript:alert\(1\)"|spy\.example/)
  assert.match(guide, /<em>spy<\/em>/)
})

test('without a field guide there is no button, and an empty one is none', async () => {
  const { shortName } = await publishedProject(site, owner)
  const page = () => site.http.get(`/project/${shortName}/newtask`).expect(200)
  assert.doesNotMatch((await page()).text, /show-guide|field-guide/)
  await writeGuide(shortName, 'Something')
  assert.match((await page()).text, /show-guide/)
  await writeGuide(shortName, '  \n ')
  assert.doesNotMatch((await page()).text, /show-guide/)
})

test('a field guide is looked at before it is saved, and is not overwritten unseen', async () => {
  const { shortName } = await draftProject(site, owner)
  const path = guideOf(shortName)
  const send = (values: object) => owner.http.post(path).type('form').send(values)
  assert.match((await send({ markdown: '# Look', step: 'look' }).expect(200)).text, /<h3>Look<\/h3>/)
  assert.doesNotMatch((await owner.http.get(path)).text, /# Look/)
  const seen = await writeGuide(shortName, 'one')
  const refused = await send({ markdown: 'two', seen, step: 'save' }).expect(409)
  assert.match(refused.text, /Somebody changed this field guide/)
  assert.match(refused.text, />\ntwo<\/textarea>/)
  await send({ markdown: 'x'.repeat(100_001), seen: '', step: 'save' }).expect(
    422,
    /at most 100,000 characters/,
  )
})

test('a helping material that is none is refused beside its field, and one is removed with its file', async () => {
  const { shortName } = await draftProject(site, owner)
  const path = materialsOf(shortName)
  await owner.http
    .post(path)
    .field('description', 'x')
    .expect(422, /Choose a file/)
  await owner.http
    .post(path)
    .attach('file', PNG, 'virus.exe')
    .expect(422, /A file of this kind is not taken/)
  await owner.http
    .post(path)
    .field('description', 'x'.repeat(301))
    .attach('file', PNG, 'a.png')
    .expect(422, /at most 300 characters/)
  const { text } = await upload(shortName, 'leaf.png', '')
  const [, id = ''] = /helpingmaterials\/(\d+)\/delete/.exec(text) ?? []
  const [, address = ''] = /href="http:\/\/[^/]*(\/uploads\/[^"]*leaf\.png)"/.exec(text) ?? []
  await site.http.get(address).expect(200)
  await owner.http.get(`${path}/${id}/delete`).expect(200, /leaf\.png/)
  await owner.http.post(`${path}/${id}/delete`).expect(302)
  await site.http.get(address).expect(404)
  await waitForReplica()
  await owner.http.get(path).expect(200, /There are no files yet/)
})

test('others than owners write neither, nor through another project of theirs', async () => {
  const { shortName } = await publishedProject(site, owner)
  const { text } = await upload(shortName)
  const [, id = ''] = /helpingmaterials\/(\d+)\/delete/.exec(text) ?? []
  await stranger.http.get(guideOf(shortName)).expect(403)
  await stranger.http.post(guideOf(shortName)).type('form').send({ markdown: 'x' }).expect(403)
  await stranger.http.get(materialsOf(shortName)).expect(403)
  await stranger.http.post(materialsOf(shortName)).attach('file', PNG, 'a.png').expect(403)
  const { shortName: own } = await draftProject(site, stranger)
  await stranger.http.post(`${materialsOf(own)}/${id}/delete`).expect(403)
  const { shortName: second } = await draftProject(site, owner)
  await owner.http.post(`${materialsOf(second)}/${id}/delete`).expect(404)
})
