import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertRefused, by } from '../../support/api.ts'
import type { Body } from '../../support/api.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestUser } from '../../support/app.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const admin = await site.user('admin-here')
const hidden = await site.user('hidden-one')
const open = await site.user('open-one')
const WHOLE = [
  ...['created', 'email_addr', 'fullname', 'id', 'info', 'locale', 'n_answers', 'name', 'privacy_mode'],
  ...['rank', 'registered_ago', 'score'],
]

const put = (user: TestUser, body: object) => site.http.put(`/api/user/${user.id}`).send(body)
await by(open, put(open, { privacy_mode: false })).expect(200)
await waitForReplica()

async function get<T = Body>(path: string, user?: TestUser): Promise<T> {
  const request = site.http.get(`/api/${path}`)
  return (await (user ? by(user, request) : request).expect(200)).body as T
}

const list = (query: string, user?: TestUser) => get<Body[]>(`user?${query}`, user)
const namesIn = (users: Body[]) => users.map(({ name }) => name)

test('others see of an account what its privacy leaves', async () => {
  for (const viewer of [undefined, open])
    assert.deepEqual(await get(`user/${hidden.id}`, viewer), { name: 'hidden-one', locale: 'en' })
  const shown = await get(`user/${open.id}`)
  assert.deepEqual(Object.keys(shown).sort(), ['created', 'fullname', 'locale', 'name'])
  for (const viewer of [hidden, admin]) {
    const whole = await get(`user/${hidden.id}`, viewer)
    assert.deepEqual(Object.keys(whole).sort(), WHOLE)
    assert.deepEqual([whole['email_addr'], whole['n_answers']], ['hidden-one@example.org', null])
  }
  await assertRefused(site.http.get('/api/user/999999'), [404, 'NotFound'])
})

test('nobody learns by filters or order what privacy hides', async () => {
  assert.deepEqual(namesIn(await list('name=hidden-one')), ['hidden-one'])
  assert.equal((await list('locale=en')).length, 3)
  for (const args of [
    'email_addr=hidden-one@example.org',
    'info=a::b',
    'info={}',
    'privacy_mode=true',
    'orderby=email_addr',
  ]) {
    await assertRefused(site.http.get(`/api/user?${args}`), [401, 'Unauthorized'])
    await assertRefused(by(open, site.http.get(`/api/user?${args}`)), [403, 'Forbidden'])
  }
  for (const args of ['passwd_hash=x', 'api_keys=x', 'orderby=password_hash', 'admin=true'])
    await assertRefused(by(admin, site.http.get(`/api/user?${args}`)), [415, 'AttributeError'])
  assert.deepEqual(namesIn(await list('fullname=Test%20hidden-one')), [])
  assert.deepEqual(namesIn(await list('fullname=Test%20open-one')), ['open-one'])
  assert.deepEqual(namesIn(await list('orderby=created')), ['open-one'])
  assert.deepEqual(namesIn(await list('email_addr=hidden-one@example.org', admin)), ['hidden-one'])
  assert.deepEqual(namesIn(await list('fullname=Test%20hidden-one', admin)), ['hidden-one'])
})

test('people change of their account what is theirs to change, and admins may too', async () => {
  const user = await site.user()
  await assertRefused(put(user, { fullname: 'Somebody Else' }), [401, 'Unauthorized'])
  await assertRefused(by(open, put(user, { fullname: 'Somebody Else' })), [403, 'Forbidden'])
  const name = `renamed-${user.id}`
  const changed = await by(
    user,
    put(user, { fullname: 'New Name', locale: 'es', info: { badge: 1 }, name }),
  ).expect(200)
  const { fullname, locale, info } = changed.body as Body
  assert.deepEqual({ fullname, locale, info }, { fullname: 'New Name', locale: 'es', info: { badge: 1 } })
  await by(admin, put(user, { info: { extra: { badge: 2 } } })).expect(200)
  await waitForReplica()
  const whole = await get(`user/${user.id}`, user)
  assert.deepEqual([whole['name'], whole['info']], [name, { extra: { badge: 2 } }])
  // What GET showed may come back, without effect.
  await by(user, put(user, { ...whole, email_addr: 'other@example.org', id: 1 })).expect(200)
  await waitForReplica()
  assert.deepEqual(await get(`user/${user.id}`, user), whole)
})

test('no body makes an admin, sets a key or a password, or takes a name', async () => {
  for (const key of ['admin', 'is_admin', 'api_key', 'passwd_hash', 'pro', 'restrict'])
    await assertRefused(by(hidden, put(hidden, { [key]: true })), [415, 'TypeError', new RegExp(`'${key}'`)])
  for (const name of ['open-one', 'OPEN-ONE', 'signin', 'a b', null])
    await assertRefused(by(hidden, put(hidden, { name })), [415, 'DBIntegrityError'])
  await assertRefused(by(hidden, put(hidden, { locale: '<script>' })), [415, 'DBIntegrityError'])
  await assertRefused(by(hidden, put(hidden, { info: { text: 'x'.repeat(100_001) } })), [
    415,
    'DBIntegrityError',
  ])
})

test('accounts are neither made nor deleted by the API', async () => {
  await assertRefused(by(admin, site.http.post('/api/user').send({})), [405, 'MethodNotAllowed'])
  await assertRefused(by(admin, site.http.delete(`/api/user/${hidden.id}`)), [405, 'MethodNotAllowed'])
})
