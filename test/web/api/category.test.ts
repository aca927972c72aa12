import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { assertRefused, bodyOf, by } from '../../support/api.ts'
import type { Body } from '../../support/api.ts'
import { startTestApp } from '../../support/app.ts'
import { draftProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const admin = await site.user()
const somebody = await site.user()

function fresh(): Body {
  const name = `c-${randomUUID().slice(0, 8)}`
  return { name, short_name: name, description: 'Birds' }
}

async function created(fields: Body = {}): Promise<Body> {
  const response = await by(admin, site.http.post('/api/category'))
    .send({ ...fresh(), ...fields })
    .expect(200)
  await waitForReplica()
  return response.body as Body
}

test('a category is created, read, changed and deleted', async () => {
  const sent: Body = { ...fresh(), info: { a: 1 } }
  const { id, created: time, ...rest } = await created(sent)
  assert.match(String(time), /^\d{4}-\d\d-\d\dT/)
  assert.deepEqual(rest, sent)
  const address = `/api/category/${String(id)}`
  const body = await bodyOf(site.http.get(address))

  // All that GET shows may come back: PyBossa's own client sends it.
  const put = (change: Body) => by(admin, site.http.put(address)).send(change)
  const changed = await put({ ...body, description: 'Bees', info: null }).expect(200)
  assert.deepEqual(changed.body, { id, created: time, ...sent, description: 'Bees', info: {} })
  await put({ name: sent['name'] }).expect(200)
  await put({}).expect(200)

  await by(admin, site.http.delete(address)).expect(204)
  await waitForReplica()
  await assertRefused(site.http.get(address), [404, 'NotFound'])
  await assertRefused(put({}), [404, 'NotFound'])
  await assertRefused(by(admin, site.http.delete(address)), [404, 'NotFound'])
})

test('only admins write categories', async () => {
  const { id } = await created()
  const address = `/api/category/${String(id)}`
  const asks = [
    () => site.http.post('/api/category').send(fresh()),
    () => site.http.put(address).send({ description: 'Mine' }),
    () => site.http.delete(address),
  ]
  for (const ask of asks) {
    await assertRefused(ask(), [401, 'Unauthorized'])
    await assertRefused(by(somebody, ask()), [403, 'Forbidden'])
  }
  await site.http.get(address).expect(200)
})

test('what cannot be a category is refused with its reason', async () => {
  const taken = await created()
  const { name, short_name: shortName } = taken
  const cases: [Body, number, string, RegExp][] = [
    [{ ...fresh(), name }, 415, 'DBIntegrityError', /has this name/],
    [{ ...fresh(), short_name: shortName }, 415, 'DBIntegrityError', /short name/],
    [{ ...fresh(), description: '' }, 415, 'DBIntegrityError', /needs a name/],
    [{ ...fresh(), name: null }, 415, 'DBIntegrityError', /needs a name/],
    [{ name: 'x', description: 'x' }, 415, 'DBIntegrityError', /needs a name/],
    [{ ...fresh(), id: 1 }, 400, 'BadRequest', /^Reserved keys in payload: id$/],
    [{ ...fresh(), created: 'now' }, 400, 'BadRequest', /^Reserved keys in payload: created$/],
    [{ ...fresh(), colour: 1 }, 415, 'TypeError', /invalid keyword argument for Category/],
    [{ ...fresh(), info: 5 }, 415, 'DataError', /info/],
  ]
  for (const [sent, ...reason] of cases)
    await assertRefused(by(admin, site.http.post('/api/category')).send(sent), reason)
  const other = await created()
  const put = (body: Body) => by(admin, site.http.put(`/api/category/${String(other['id'])}`)).send(body)
  await assertRefused(put({ name }), [415, 'DBIntegrityError', /has this name/])
  await assertRefused(put({ description: null }), [415, 'DBIntegrityError', /needs a name/])
})

test('a category with projects in it stays, and so does the last one', async () => {
  await draftProject(site, somebody)
  const [used] = await rowsOf<{ id: number }>(site, 'select category_id as id from project limit 1')
  const remove = (id: number) => by(admin, site.http.delete(`/api/category/${id}`))
  await assertRefused(remove(used?.id ?? 0), [415, 'DBIntegrityError', /projects in this category/])
  await rowsOf(site, 'delete from category where id <> $1', [used?.id])
  await waitForReplica()
  await assertRefused(remove(used?.id ?? 0), [415, 'DBIntegrityError', /last category/])
})
