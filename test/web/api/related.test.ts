import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { assertRefused, by } from '../../support/api.ts'
import type { Body } from '../../support/api.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestUser } from '../../support/app.ts'
import {
  addressContributor,
  externalContributor,
  keyContributor,
  publishedProject,
  rowsOf,
} from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const keen = await site.user()
const project = await publishedProject(site, owner, { tasks: 3, redundancy: 3 })
const [first = 0, second = 0, third = 0] = project.taskIds

// The first task is done: by an account, an address and a person of another site. The account has done the second too.
const people = [
  keyContributor(site, project, keen),
  addressContributor(site, project),
  await externalContributor(site, project, 'reader'),
]
for (const who of people) {
  await who.newTask().expect(200)
  await who.submit(first).expect(200)
}
await people[0]?.newTask().expect(200)
await people[0]?.submit(second).expect(200)
await waitForReplica()

async function get(path: string, user?: TestUser): Promise<Body[]> {
  const request = site.http.get(`/api/${path}`)
  return (await (user ? by(user, request) : request).expect(200)).body as Body[]
}

const idsOf = (rows: unknown) => (rows as Body[]).map((row) => row['id'])

test('related adds what belongs together, without links', async () => {
  const [done = {}, begun = {}, untouched = {}] = await get(`task?project_id=${project.id}&related=1`)
  const runs = await get(`taskrun?project_id=${project.id}`)
  const [result = {}] = await get(`result?project_id=${project.id}`)
  const { link: _, links: __, ...plainResult } = result
  assert.deepEqual(idsOf(done['task_runs']), idsOf(runs).slice(0, 3))
  assert.deepEqual(done['result'], plainResult)
  assert.deepEqual(idsOf(begun['task_runs']), idsOf(runs).slice(3))
  assert.equal(begun['result'], null)
  assert.deepEqual([untouched['task_runs'], untouched['result']], [[], null])

  const [run = {}] = await get(`taskrun?task_id=${first}&related=1`)
  assert.deepEqual([(run['task'] as Body)['id'], run['result']], [first, plainResult])
  const [whole = {}] = await get(`result?project_id=${project.id}&related=1`)
  assert.equal((whole['task'] as Body)['id'], first)
  assert.deepEqual(idsOf(whole['task_runs']), idsOf(runs).slice(0, 3))
  for (const nested of [run['task'], run['result'], ...(whole['task_runs'] as Body[])])
    assert.equal('link' in (nested as Body), false)
})

test('related objects that are too large for one answer are refused, and given to who asks for fewer', async (t) => {
  const large = await publishedProject(site, owner, { tasks: 2, redundancy: 1 })
  const who = keyContributor(site, large, keen)
  for (const taskId of large.taskIds) {
    await who.newTask().expect(200)
    await who.submit(taskId).expect(200)
  }
  const direct = new pg.Client({ connectionString: site.env['DATABASE_DIRECT_URL'] ?? '' })
  await direct.connect()
  t.after(() => direct.end())
  // Kept as it is, a text of equal letters is as large as any.
  await direct.query('alter table task_run alter column info set storage external')
  await direct.query(`update task_run set info = to_jsonb(repeat('x', 18000000)) where project_id = $1`, [
    large.id,
  ])
  await waitForReplica()
  const path = `task?project_id=${large.id}&related=1`
  await assertRefused(site.http.get(`/api/${path}`), [415, 'DBIntegrityError', /too large .* by limit/])
  const [one] = await get(`${path}&limit=1`)
  assert.equal((one?.['task_runs'] as Body[]).length, 1)
})

test('one object is read with what is related to it too', async () => {
  const task = (await site.http.get(`/api/task/${first}?related=1`).expect(200)).body as Body
  assert.equal((task['task_runs'] as Body[]).length, 3)
  const plain = (await site.http.get(`/api/task/${first}`).expect(200)).body as Body
  assert.equal('task_runs' in plain, false)
})

test('related tasks do not tell contributors which are for calibration', async () => {
  await rowsOf(site, 'update task set calibration = 1 where id = $1', [second])
  await waitForReplica()
  const [run = {}] = await get(`taskrun?task_id=${second}&related=1`)
  assert.equal((run['task'] as Body)['calibration'], 0)
  await rowsOf(site, 'update task set calibration = 0 where id = $1', [second])
})

test('participated leaves out what the caller has done, whoever the caller is', async () => {
  const path = `task?project_id=${project.id}&participated=1`
  assert.deepEqual(idsOf(await get(path, keen)), [third])
  assert.deepEqual(idsOf(await get(path)), [second, third])
  assert.deepEqual(idsOf(await get(`${path}&external_uid=reader`)), [second, third])
  assert.deepEqual(idsOf(await get(`${path}&external_uid=nobody`)), [first, second, third])
  assert.deepEqual(idsOf(await get(path, owner)), [first, second, third])
})

test('task runs are filtered by when they were finished', async () => {
  const times = [
    '2026-03-01T10:00:00Z',
    '2026-03-02T10:00:00Z',
    '2026-03-03T10:00:00Z',
    '2026-03-04T10:00:00Z',
  ]
  const runs = idsOf(await get(`taskrun?project_id=${project.id}`))
  for (const [n, time] of times.entries())
    await rowsOf(site, 'update task_run set finish_time = $2 where id = $1', [runs[n], time])
  await waitForReplica()
  const found = async (args: string) =>
    idsOf(await get(`taskrun?project_id=${project.id}&${args}`)).map((id) => runs.indexOf(id))
  assert.deepEqual(await found('from_finish_time=2026-03-02T10:00:00'), [1, 2, 3])
  assert.deepEqual(await found('to_finish_time=2026-03-02T10:00:00'), [0, 1])
  assert.deepEqual(await found('from_finish_time=2026-03-02&to_finish_time=2026-03-04'), [1, 2])
  await assertRefused(site.http.get('/api/taskrun?from_finish_time=May'), [415, 'DataError'])
  await assertRefused(site.http.get('/api/task?from_finish_time=2026'), [415, 'AttributeError'])
})

test('task runs are searched by info within a project or task only', async () => {
  for (const info of ['answer::Yes', '{"answer":"Yes"}']) {
    const request = (more: object) => site.http.get('/api/taskrun').query({ info, ...more })
    await assertRefused(request({}), [415, 'ValueError', /together with project_id or task_id/])
    const found = await request({ project_id: project.id }).expect(200)
    assert.equal((found.body as Body[]).length, 4)
    assert.equal(((await request({ task_id: first }).expect(200)).body as Body[]).length, 3)
  }
})
