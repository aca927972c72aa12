import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertRefused } from '../../support/api.ts'
import { startTestApp } from '../../support/app.ts'
import { publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())

/** The key that a page shows this once. */
function shownKey(text: string): string {
  return /<pre id="new-key"[^>]*>([^<]+)</.exec(text)?.[1] ?? ''
}

/** 401 without a key that works; with one it is refused for its body alone. */
const tryKey = (key: string) => site.http.post('/api/project').query({ api_key: key }).send({})

test('API keys are named, shown once, listed with their last use, and revoked after a question', async () => {
  const user = await site.user()
  const form = (keyName: string) => user.http.post('/account/keys').type('form').send({ keyName })
  const key = shownKey((await form('laptop').expect(200)).text)
  await tryKey(key).expect(415)
  await waitForReplica()
  await user.http.get('/account/profile').expect(200, /href="\/account\/keys"/)
  const page = await user.http.get('/account/keys').expect(200, /laptop/)
  assert.match(page.text, /last used/)
  assert.ok(!page.text.includes(key))
  await form('x'.repeat(300)).expect(422)
  await form(' ').expect(422, /Name the key/)

  const [row] = await rowsOf<{ id: number; hash: Buffer }>(
    site,
    `select id, key_hash as hash from api_key where name = 'laptop'`,
  )
  assert.ok(!row?.hash.toString().includes(key))
  const revoke = `/account/keys/${row?.id ?? 0}/revoke`
  const stranger = await site.user()
  await stranger.http.get(revoke).expect(404)
  await stranger.http.post(revoke).expect(404)
  await user.http.get(revoke).expect(200, /Revoke the key “laptop”/)
  await tryKey(key).expect(415)
  await user.http.post(revoke).expect(302).expect('Location', '/account/keys')
  const after = await user.http.get('/account/keys').expect(200, /“laptop” is revoked/)
  assert.ok(!after.text.includes(revoke))
  const [{ revoked } = { revoked: null }] = await rowsOf<{ revoked: string | null }>(
    site,
    'select revoked from api_key where id = $1',
    [row?.id],
  )
  assert.notEqual(revoked, null)
  await user.http.post('/account/keys/999999/revoke').expect(404)
  await site.http.get('/account/keys').expect(302)
})

test('replacing the keys, by PyBossa’s address too, revokes all of them and shows one new', async () => {
  const user = await site.user()
  const path = `/account/${user.name}/resetapikey`
  await user.http.get('/account/keys').expect(200, new RegExp(`href="${path}"`))
  await user.http.get(path).expect(200, /All your keys stop working/)
  await (await site.user()).http.post(path).expect(403)
  await site.http.post(path).expect(401)
  const key = shownKey((await user.http.post(path).expect(200)).text)
  await tryKey(key).expect(415)
  // This one was never used before, so no process remembers it.
  await assertRefused(tryKey(user.apiKey), [401, 'Unauthorized'])
  const [{ count } = { count: 0 }] = await rowsOf<{ count: number }>(
    site,
    'select count(*)::int as count from api_key where user_id = $1 and revoked is null',
    [user.id],
  )
  assert.equal(count, 1)
})

test('a new secret key of a project ends the tokens that the old one signed', async () => {
  const owner = await site.user()
  const project = await publishedProject(site, owner)
  const path = `/project/${project.shortName}/resetsecretkey`
  const tokenBy = (secretKey: string) =>
    site.http.get(`/api/auth/project/${project.shortName}/token`).set('Authorization', secretKey)
  const { text: token } = await tokenBy(project.secretKey).expect(200)
  await (await site.user()).http.post(path).expect(403)
  await owner.http.get(`/project/${project.shortName}/update`).expect(200, new RegExp(`href="${path}"`))
  await owner.http.get(path).expect(200, /all tokens that were signed with it/)
  const secretKey = shownKey((await owner.http.post(path).expect(200)).text)
  assert.notEqual(secretKey, project.secretKey)
  await tokenBy(project.secretKey).expect(404)
  await tokenBy(secretKey).expect(200)
  await waitForReplica()
  await site.http
    .get(`/api/project/${project.id}/newtask`)
    .query({ external_uid: 'a' })
    .set('Authorization', `Bearer ${token}`)
    .expect(401)
  const changes = await rowsOf(
    site,
    `select attribute, before, after from change where project_id = $1 and attribute = 'secret_key'`,
    [project.id],
  )
  assert.deepEqual(changes, [{ attribute: 'secret_key', before: null, after: null }])
})
