import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertRefused, bodyOf, by, listOf, refusal } from '../../support/api.ts'
import type { Body } from '../../support/api.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestUser } from '../../support/app.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const admin = await site.user()
const somebody = await site.user()

const LEAST = { title: 'Maintenance', body: 'On Sunday.' }

async function created(fields: Body = {}): Promise<Body> {
  const response = await by(admin, site.http.post('/api/announcement'))
    .send({ ...LEAST, ...fields })
    .expect(200)
  await waitForReplica()
  return response.body as Body
}

async function listed(who?: TestUser): Promise<unknown[]> {
  const request = site.http.get('/api/announcement').query({ limit: 100 })
  const objects = await listOf(who ? by(who, request) : request)
  return objects.map(({ id }) => id)
}

test('an announcement is created, read, changed and deleted', async () => {
  const { id, created: time, updated, ...rest } = await created()
  assert.equal(updated, time)
  const stored = { ...LEAST, info: {}, media_url: null, published: false, user_id: admin.id }
  assert.deepEqual(rest, stored)

  const address = `/api/announcement/${String(id)}`
  const put = (body: Body) => by(admin, site.http.put(address)).send(body)
  const changed = (await put({ published: true, info: { a: 1 }, link: 'x', links: [] }).expect(200))
    .body as Body
  assert.deepEqual([changed['published'], changed['info'], changed['title']], [true, { a: 1 }, LEAST.title])
  assert.ok(String(changed['updated']) > String(updated))
  await waitForReplica()
  const body = await bodyOf(site.http.get(address))
  const link = `<link rel='self' title='announcement' href='${site.url}${address}'/>`
  assert.deepEqual(body, { ...changed, link })

  await by(admin, site.http.delete(address)).expect(204)
  await waitForReplica()
  await assertRefused(site.http.get(address), [404, 'NotFound'])
  await assertRefused(put({}), [404, 'NotFound'])
})

test('only admins write announcements', async () => {
  const { id } = await created({ published: true })
  const address = `/api/announcement/${String(id)}`
  const asks = [
    () => site.http.post('/api/announcement').send(LEAST),
    () => site.http.put(address).send({ title: 'Mine' }),
    () => site.http.delete(address),
  ]
  for (const ask of asks) {
    await assertRefused(ask(), [401, 'Unauthorized'])
    await assertRefused(by(somebody, ask()), [403, 'Forbidden'])
  }
  assert.equal((await refusal(site.http.delete(address))).target, 'announcement')
})

test('an announcement that is not published is shown to admins only', async () => {
  const hidden = await created()
  const shown = await created({ published: true })
  const address = `/api/announcement/${String(hidden['id'])}`
  await assertRefused(site.http.get(address), [401, 'Unauthorized', /not published/])
  await assertRefused(by(somebody, site.http.get(address)), [403, 'Forbidden', /not published/])
  await by(admin, site.http.get(address)).expect(200)
  for (const who of [undefined, somebody]) {
    const ids = await listed(who)
    assert.ok(ids.includes(shown['id']) && !ids.includes(hidden['id']))
  }
  assert.ok((await listed(admin)).includes(hidden['id']))
  const query = { published: 'false' }
  assert.deepEqual((await site.http.get('/api/announcement').query(query).expect(200)).body, [])
})

test('what cannot be an announcement is refused with its reason', async () => {
  const cases: [Body, number, string, RegExp][] = [
    [{ title: 'x' }, 415, 'DBIntegrityError', /body is required/],
    [{ body: 'x' }, 415, 'DBIntegrityError', /title is required/],
    [{ ...LEAST, title: null }, 415, 'DBIntegrityError', /title is required/],
    [{ ...LEAST, colour: 1 }, 415, 'TypeError', /invalid keyword argument for Announcement/],
    [{ ...LEAST, published: 'perhaps' }, 415, 'DataError', /published/],
    ...['id', 'created', 'updated', 'user_id'].map((key): [Body, number, string, RegExp] => [
      { ...LEAST, [key]: 1 },
      400,
      'BadRequest',
      /Reserved keys/,
    ]),
  ]
  for (const [sent, ...reason] of cases)
    await assertRefused(by(admin, site.http.post('/api/announcement')).send(sent), reason)
})
