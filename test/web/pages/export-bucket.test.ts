import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestApp } from '../../support/app.ts'
import { publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const stranger = await site.user()
const { id, shortName } = await publishedProject(site, owner)
const exports = `/project/${shortName}/tasks/export`
const path = `${exports}/bucket`

const FORM = {
  endpoint: 'http://127.0.0.1:9',
  region: 'eu-1',
  bucket: 'birds',
  prefix: 'daily/',
  keyId: 'AKIA1',
  secret: 'very secret words',
}

function send(address: string, form: Record<string, string> = {}) {
  return owner.http.post(address).type('form').send(form)
}

test('an owner enters a bucket, whose secret is stored sealed and never shown again', async () => {
  await owner.http.get(exports).expect(200, /a bucket of your own/)
  await owner.http.get(path).expect(200, /Save the bucket/)
  const refused = await send(path, { ...FORM, region: 'no region!' }).expect(422, /Write the region/)
  assert.match(refused.text, /value="birds"/)
  assert.doesNotMatch(refused.text, /very secret/)
  await send(path, FORM).expect(302).expect('Location', path)
  const [row] = await rowsOf<{ secret: string }>(
    site,
    'select secret_sealed as secret from export_bucket where project_id = $1',
    [id],
  )
  assert.doesNotMatch(row?.secret ?? 'very', /very/)
  await waitForReplica()
  for (const accept of ['text/html', 'application/json']) {
    const page = await owner.http
      .get(path)
      .set('Accept', accept)
      .set('Content-Type', accept)
      .expect(200, /AKIA1/)
    assert.doesNotMatch(page.text, /very secret|secretSealed/)
  }
})

test('trying says what failed, beside the button that tries again', async () => {
  const page = await send(`${path}/try`).expect(
    409,
    /Nothing could be written\. .*127\.0\.0\.1.* not allowed/,
  )
  assert.match(page.text, /value="birds"[\s\S]*Try it now/)
})

test('subscriptions may be brought there, and not without a bucket', async () => {
  const again = { type: 'task', format: 'csv', period: 'daily', bucket: 'on' }
  await owner.http.get(exports).expect(200, /Bring each into the bucket birds/)
  await send(`${exports}/subscriptions`, again).expect(302)
  await waitForReplica()
  await owner.http.get(exports).expect(200, /every day, into your bucket/)
  await send(`${path}/remove`).expect(302).expect('Location', exports)
  await waitForReplica()
  const page = await owner.http.get(exports).expect(200)
  assert.doesNotMatch(page.text, /into your bucket|the bucket birds/)
  await send(`${exports}/subscriptions`, again).expect(409, /no bucket/)
})

test('nobody else sees, saves, tries or removes it', async () => {
  await stranger.http.get(path).expect(403)
  for (const address of [path, `${path}/try`, `${path}/remove`])
    await stranger.http.post(address).type('form').send(FORM).expect(403)
})
