import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertRefused, bodyOf, by, listOf, refusal } from '../../support/api.ts'
import type { Body } from '../../support/api.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestUser } from '../../support/app.ts'
import { draftProject, publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const fan = await site.user()
const other = await site.user()

const mark = (who: TestUser, body: unknown) => by(who, site.http.post('/api/favorites')).send(body as object)

async function marked(who: TestUser, query: Body = {}): Promise<unknown[]> {
  await waitForReplica()
  const objects = await listOf(by(who, site.http.get('/api/favorites').query(query)))
  return objects.map(({ id }) => id)
}

test('tasks are marked, listed and unmarked, each person’s for themselves', async () => {
  const { taskIds, id: projectId } = await publishedProject(site, owner, { tasks: 3 })
  const [first, second, third] = taskIds
  const task = await bodyOf(mark(fan, { task_id: first }))
  assert.deepEqual([task['id'], task['fav_user_ids'], task['link']], [first, [fan.id], undefined])
  const again = await bodyOf(mark(fan, { task_id: String(first) }))
  assert.deepEqual(again['fav_user_ids'], [fan.id])
  await mark(fan, { task_id: second }).expect(200)
  const both = await bodyOf(mark(other, { task_id: first }))
  assert.deepEqual(both['fav_user_ids'], [fan.id, other.id])

  assert.deepEqual(await marked(fan), [first, second])
  assert.deepEqual(await marked(fan, { limit: 1, desc: true }), [second])
  assert.deepEqual(await marked(fan, { last_id: first }), [second])
  assert.deepEqual(await marked(fan, { offset: 1 }), [second])
  assert.deepEqual(await marked(other), [first])
  assert.deepEqual(await marked(owner), [])

  const one = await bodyOf(by(fan, site.http.get(`/api/favorites/${String(second)}`)))
  const links = [`<link rel='parent' title='project' href='${site.url}/api/project/${projectId}'/>`]
  assert.equal(one['id'], second)
  assert.equal(one['link'], `<link rel='self' title='task' href='${site.url}/api/task/${String(second)}'/>`)
  assert.deepEqual(one['links'], links)
  await assertRefused(by(fan, site.http.get(`/api/favorites/${String(third)}`)), [404, 'NotFound'])

  const gone = await by(fan, site.http.delete(`/api/favorites/${String(first)}`)).expect(200)
  assert.deepEqual([(gone.body as Body)['id'], (gone.body as Body)['fav_user_ids']], [first, [other.id]])
  assert.deepEqual(await marked(fan), [second])
  await assertRefused(by(fan, site.http.delete(`/api/favorites/${String(first)}`)), [404, 'NotFound'])
})

test('what cannot be marked is refused with its reason', async () => {
  const { taskIds } = await publishedProject(site, owner)
  const [id = 0] = taskIds
  const cases: [unknown, number, string][] = [
    [{}, 415, 'AttributeError'],
    [{ task_id: id, more: 1 }, 415, 'AttributeError'],
    [{ id }, 415, 'AttributeError'],
    [[], 415, 'AttributeError'],
    [{ task_id: 'first' }, 415, 'DataError'],
    [{ task_id: null }, 415, 'DataError'],
    [{ task_id: 999_999 }, 404, 'NotFound'],
  ]
  for (const [sent, ...reason] of cases) await assertRefused(mark(fan, sent), reason)
  const asks = [
    () => site.http.get('/api/favorites'),
    () => site.http.get(`/api/favorites/${id}`),
    () => site.http.post('/api/favorites').send({ task_id: id }),
    () => site.http.delete(`/api/favorites/${id}`),
  ]
  for (const ask of asks) await assertRefused(ask(), [401, 'Unauthorized'])
  await assertRefused(by(fan, site.http.put('/api/favorites')).send({}), [405, 'MethodNotAllowed'])
  await assertRefused(by(fan, site.http.put(`/api/favorites/${id}`)).send({}), [405, 'MethodNotAllowed'])

  const post = await refusal(site.http.post('/api/favorites').send({}))
  assert.deepEqual([post.target, post.action], ['task', 'POST'])
  const removal = await refusal(site.http.delete(`/api/favorites/${id}`))
  assert.deepEqual([removal.target, removal.action], ['task', 'DEL'])
})

test('favourites tell nothing of drafts, and nothing of calibration', async () => {
  const draft = await draftProject(site, owner)
  const [hidden] = draft.taskIds
  await assertRefused(mark(fan, { task_id: hidden }), [403, 'Forbidden'])
  await mark(owner, { task_id: hidden }).expect(200)
  assert.deepEqual(await marked(owner), [hidden])
  // A project may become a draft again.
  await rowsOf(site, 'update task set fav_user_ids = array[$1::bigint] where id = $2', [fan.id, hidden])
  assert.ok(!(await marked(fan)).includes(hidden))
  await assertRefused(by(fan, site.http.delete(`/api/favorites/${String(hidden)}`)), [403, 'Forbidden'])

  const { taskIds } = await publishedProject(site, owner)
  const [secret] = taskIds
  await rowsOf(site, 'update task set calibration = 1 where id = $1', [secret])
  assert.equal((await bodyOf(mark(fan, { task_id: secret })))['calibration'], 0)
  await waitForReplica()
  const listed = await listOf(by(fan, site.http.get('/api/favorites')).query({ id: secret }))
  assert.deepEqual(
    listed.map(({ calibration }) => calibration),
    [0],
  )
  for (const query of [{ calibration: 1 }, { orderby: 'calibration' }])
    await assertRefused(by(fan, site.http.get('/api/favorites')).query(query), [415, 'AttributeError'])
})
