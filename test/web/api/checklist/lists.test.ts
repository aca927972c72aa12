import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertRefused, bodyOf, by, listOf } from '../../../support/api.ts'
import type { Body } from '../../../support/api.ts'
import { startTestApp } from '../../../support/app.ts'
import { addressContributor, keyContributor, publishedProject } from '../../../support/builders.ts'
import { untilFileEnds } from '../../../support/file-ending.ts'
import { waitForReplica } from '../../../support/servers.ts'

/** What PyBossa's clients rely on, one test a statement; the numbers are those of our checklist. */
const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const other = await site.user()
const many = await publishedProject(site, owner, { tasks: 150 })
const foreign = await publishedProject(site, other)

const found = async (path: string, query: Record<string, string | number>, user?: typeof owner) => {
  const request = site.http.get(path).query(query)
  return listOf(user ? by(user, request) : request)
}
const tasks = async (query: Record<string, string | number>, user?: typeof owner) =>
  idsOf(await found('/api/task', { project_id: many.id, ...query }, user))
const idsOf = (rows: Body[]) => rows.map(({ id }) => id)

test('21. last_id gives the rows behind it in order, at most 100, and no offset', async () => {
  const [start = 0] = many.taskIds
  const page = await tasks({ limit: 100, last_id: start, offset: 7 })
  assert.deepEqual(page, many.taskIds.slice(1, 101))
})

test('22. Paging by last_id meets every row once, also while rows are added', async () => {
  const { id, taskIds } = await publishedProject(site, owner, { tasks: 25 })
  const met: unknown[] = []
  let added = 0
  for (let last: unknown = 0; ; last = met.at(-1)) {
    const page = idsOf(await found('/api/task', { project_id: id, limit: 10, last_id: Number(last) }))
    if (page.length === 0) break
    met.push(...page)
    if (added < 3) {
      added += 1
      await by(owner, site.http.post('/api/task')).send({ project_id: id, info: 'late' }).expect(200)
      await waitForReplica()
    }
  }
  assert.deepEqual(met.slice(0, 25), taskIds)
  assert.equal(met.length, 28)
  assert.equal(new Set(met).size, 28)
})

test('23. A limit above 100 gives 100 rows', async () => {
  for (const limit of [300, 400]) assert.equal((await tasks({ limit })).length, 100)
})

test('24. Without a limit there are 20 rows', async () => {
  assert.deepEqual(await tasks({}), many.taskIds.slice(0, 20))
})

test('25. A limit or offset that is no number counts as none', async () => {
  assert.deepEqual(await tasks({ limit: 'abc', offset: 'abc' }), many.taskIds.slice(0, 20))
})

test('26. all=0 is as if it were left out; all=1 finds what others own', async () => {
  assert.deepEqual(await tasks({}, other), [])
  assert.deepEqual(await tasks({ all: 0 }, other), [])
  assert.deepEqual(await tasks({ all: 1 }, other), many.taskIds.slice(0, 20))
})

test('27. A project is found by its short name with its owner’s key; with another’s by all=1', async () => {
  const byName = async ({ id, shortName }: typeof many, query = {}) => {
    const rows = await found('/api/project', { short_name: shortName, ...query }, owner)
    assert.ok(rows.every((row) => row['id'] === id))
    return rows.length
  }
  assert.equal(await byName(many), 1)
  assert.equal(await byName(foreign), 0)
  assert.equal(await byName(foreign, { all: 1 }), 1)
})

test('28. Without a key a published project is found by its short name', async () => {
  const rows = await found('/api/project', { all: 1, short_name: many.shortName })
  assert.deepEqual(idsOf(rows), [many.id])
})

test('29. A task is found by its id as a list of one', async () => {
  const [, second = 0] = many.taskIds
  assert.deepEqual(await tasks({ id: second }), [second])
})

test('30. Tasks are found by their state', async () => {
  const project = await publishedProject(site, owner, { tasks: 2 })
  const contributor = keyContributor(site, project, other)
  await contributor.newTask().expect(200)
  const [answered = 0, open = 0] = project.taskIds
  await contributor.submit(answered).expect(200)
  await waitForReplica()
  for (const [state, id] of [
    ['completed', answered],
    ['ongoing', open],
  ] as const)
    assert.deepEqual(idsOf(await found('/api/task', { project_id: project.id, state })), [id])
})

test('31. The task runs of a task are listed with limit, offset and all', async () => {
  const project = await publishedProject(site, owner)
  const contributor = addressContributor(site, project)
  const [taskId = 0] = project.taskIds
  await contributor.newTask().expect(200)
  const run = await bodyOf(contributor.submit(taskId))
  await waitForReplica()
  const query = { project_id: project.id, task_id: taskId, limit: 100, offset: 0, all: 0 }
  assert.deepEqual(idsOf(await found('/api/taskrun', query)), [run['id']])
})

test('32. A filter that is no attribute is refused with its error class', async () => {
  await assertRefused(site.http.get('/api/task?colour=red'), [415, 'AttributeError', /colour/])
})

test('33. What jQuery adds against caches does no harm', async () => {
  const [taskId = 0] = many.taskIds
  for (const path of [`task/${taskId}`, `project/${many.id}/newtask`, `project/${many.id}/userprogress`])
    await site.http.get(`/api/${path}?_=1700000000000`).expect(200)
})
