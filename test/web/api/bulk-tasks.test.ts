import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertRefused, by, refusal } from '../../support/api.ts'
import type { Body } from '../../support/api.ts'
import { startTestApp } from '../../support/app.ts'
import { draftProject, keyContributor, publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const admin = await site.user()
const owner = await site.user()
const stranger = await site.user()

const post = (body: object) => site.http.post('/api/bulktasks').send(body)
const put = (body: object) => site.http.put('/api/bulktasks').send(body)

test('many tasks are created in one request, in the order given', async () => {
  const { id } = await draftProject(site, owner, { tasks: 0 })
  const tasks = Array.from({ length: 1_000 }, (_, n) => ({
    info: { n },
    n_answers: '2',
    priority_0: n / 1_000,
  }))
  const { ids } = (await by(owner, post({ project_id: id, tasks })).expect(200)).body as { ids: number[] }
  await waitForReplica()
  const page = (
    await by(owner, site.http.get(`/api/task?project_id=${id}&limit=100&last_id=${ids[899] ?? 0}`)).expect(
      200,
    )
  ).body as Body[]
  assert.deepEqual(
    page.map((task) => [task['id'], task['info'], task['n_answers'], task['priority_0']]),
    ids.slice(900).map((taskId, n) => [taskId, { n: 900 + n }, 2, (900 + n) / 1_000]),
  )
  const stats = await by(owner, site.http.get(`/api/projectstats/${id}`)).expect(200)
  assert.equal((stats.body as Body)['n_tasks'], 1_000)
})

test('10,000 rows take at most 200 requests', async (t) => {
  const { id } = await draftProject(site, owner, { tasks: 0 })
  const rows = Array.from({ length: 10_000 }, (_, n) => ({
    info: { url: `https://example.org/${n}.jpg`, n },
  }))
  const began = performance.now()
  let requests = 0
  for (let at = 0; at < rows.length; at += 1_000) {
    await by(owner, post({ project_id: id, tasks: rows.slice(at, at + 1_000) })).expect(200)
    requests += 1
  }
  const seconds = (performance.now() - began) / 1_000
  t.diagnostic(`10,000 rows: ${requests} requests, ${seconds.toFixed(1)} s`)
  assert.ok(requests <= 200)
  const [stored] = await rowsOf(site, 'select count(*)::int as n from task where project_id = $1', [id])
  assert.deepEqual(stored, { n: 10_000 })
})

test('all of them are created or none, and the refusal names the row', async () => {
  const { id, taskIds } = await draftProject(site, owner, { tasks: 1 })
  const good = { info: 1 }
  const wrong: [object, RegExp][] = [
    [{ info: 1, n_answers: 0 }, /tasks\.1: n_answers is at least 1/],
    [{ info: 1, n_answers: 'many' }, /tasks\.1\.n_answers: a whole number/],
    [{ info: 1, priority_0: 2 }, /tasks\.1: priority_0 is at most 1/],
  ]
  for (const [task, message] of wrong) {
    const { status, message: said } = await refusal(by(owner, post({ project_id: id, tasks: [good, task] })))
    assert.equal(status, 415)
    assert.match(said, message)
  }
  await assertRefused(by(owner, post({ project_id: id, tasks: [{ colour: 1 }] })), [
    415,
    'TypeError',
    /colour/,
  ])
  for (const tasks of [[], Array.from({ length: 1_001 }, () => good), good])
    await assertRefused(by(owner, post({ project_id: id, tasks })), [415, 'DataError', /1 to 1000 tasks/])
  await assertRefused(by(stranger, post({ project_id: id, tasks: [good] })), [403, 'Forbidden'])
  await assertRefused(post({ project_id: id, tasks: [good] }), [401, 'Unauthorized'])
  await assertRefused(by(owner, post({ project_id: 999_999, tasks: [good] })), [404, 'NotFound'])
  const left = await rowsOf<{ id: number }>(site, 'select id from task where project_id = $1', [id])
  assert.deepEqual(left, [{ id: taskIds[0] }])
})

test('calibration tasks and equal tasks may be among them', async () => {
  const { id } = await draftProject(site, owner, { tasks: 0 })
  const known = { info: 'a', calibration: 1, expected_info: 'b' }
  const tasks = [known, { info: 'a' }, { info: 'a' }, {}]
  await by(owner, post({ project_id: id, tasks })).expect(200)
  const [totals] = await rowsOf(
    site,
    `select sum(n_tasks)::int as tasks, sum(n_calibration_tasks)::int as calibration, sum(n_wanted)::int as wanted
       from project_delta where project_id = $1`,
    [id],
  )
  assert.deepEqual(totals, { tasks: 3, calibration: 1, wanted: 90 })
})

test('priorities of many tasks change in one request, all or none', async () => {
  const one = await publishedProject(site, owner, { tasks: 3 })
  const other = await publishedProject(site, stranger, { tasks: 1 })
  const priorities = (...values: number[]) =>
    one.taskIds.slice(0, values.length).map((id, n) => ({ id, priority_0: values[n] }))
  const stored = async () =>
    (
      await rowsOf<{ p: number; s: number }>(
        site,
        `select t.priority_0 as p, -s.nprio::double precision as s from task t join task_sched s on s.task_id = t.id
          where t.project_id = $1 order by id`,
        [one.id],
      )
    ).map(({ p, s }) => [p, Math.abs(s)])
  await by(owner, put(priorities(0.25, 0.5))).expect(200, { tasks: 2 })
  const before = [
    [0.25, 0.25],
    [0.5, 0.5],
    [0, 0],
  ]
  assert.deepEqual(await stored(), before)
  const foreign = { id: other.taskIds[0], priority_0: 1 }
  await assertRefused(by(owner, put([...priorities(1), foreign])), [403, 'Forbidden'])
  await assertRefused(put(priorities(1)), [401, 'Unauthorized'])
  await assertRefused(by(owner, put([...priorities(1), { id: 999_999, priority_0: 1 }])), [
    404,
    'NotFound',
    /999999/,
  ])
  await assertRefused(by(owner, put(priorities(1, 2))), [415, 'DBIntegrityError', /^tasks\.1: /])
  await assertRefused(by(owner, put([{ id: 'x', priority_0: 1 }])), [415, 'DataError', /tasks\.0\.id/])
  await assertRefused(by(owner, put({ id: 1 })), [415, 'DataError'])
  assert.deepEqual(await stored(), before)
  await by(admin, put([...priorities(1), foreign])).expect(200)
  await waitForReplica()
  const log = await by(
    owner,
    site.http.get(`/api/auditlog?project_id=${one.id}&attribute=tasks.priorities&desc=true`),
  ).expect(200)
  const [change = {}] = log.body as Body[]
  const after = JSON.stringify({ [String(one.taskIds[0])]: 1 }).replace(':', ': ')
  assert.deepEqual([change['action'], change['new_value']], ['update', after])
})

test('a task that is named twice gets the last priority, and its answers are counted once', async () => {
  const project = await publishedProject(site, owner, { tasks: 1, redundancy: 3 })
  const [id = 0] = project.taskIds
  const who = keyContributor(site, project, stranger)
  await who.newTask().expect(200)
  await who.submit(id).expect(200)
  const twice = [0.25, 0.5].map((priority) => ({ id, priority_0: priority }))
  await by(owner, put(twice)).expect(200)
  const stored = await rowsOf(
    site,
    `select t.priority_0 as priority, t.state, s.n_runs, s.n_taken, r.counted
       from task t join task_sched s on s.task_id = t.id join task_run r on r.task_id = t.id where t.id = $1`,
    [id],
  )
  assert.deepEqual(stored, [{ priority: 0.5, state: 'ongoing', n_runs: 1, n_taken: 1, counted: true }])
})
