import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Test } from 'supertest'
import { assertRefused, by } from '../../support/api.ts'
import { startTestApp } from '../../support/app.ts'
import { externalContributor, keyContributor, publishedProject, rowsOf } from '../../support/builders.ts'
import type { BuiltProject } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const stranger = await site.user()

const rules = (project: BuiltProject, body: object, user = owner) =>
  by(user, site.http.post(`/api/project/${project.id}/rules`).send(body))

const nothing = {
  queued: false,
  closed: 0,
  reopened: 0,
  became_extra: 0,
  became_counted: 0,
  places_given_back: 0,
  withdrawn: 0,
}

test('many tasks get other rules in one request, after a dry run that says what happens', async () => {
  const project = await publishedProject(site, owner, { tasks: 3, redundancy: 2 })
  const who = await externalContributor(site, project)
  await who.newTask().expect(200)
  const [first = 0, second = 0] = project.taskIds
  const run = (await who.submit(first).expect(200)).body as { id: number }

  const tried = await rules(project, { n_answers: 1, dry_run: true }).expect(200)
  assert.deepEqual(tried.body, { ...nothing, tasks: 3, closed: 1 })
  assert.deepEqual((await rules(project, { n_answers: 1, dry_run: true })).body, tried.body)
  assert.deepEqual((await rules(project, { state: 'completed' })).body, tried.body)
  assert.deepEqual((await rules(project, { state: 'ongoing' })).body, { ...nothing, tasks: 3, reopened: 1 })
  const some = await rules(project, { priority_0: 1, tasks: [second, 999_999_999] }).expect(200)
  assert.deepEqual(some.body, { ...nothing, tasks: 1 })
  assert.deepEqual((await rules(project, { calibration: 1, tasks: [second] })).body, { ...nothing, tasks: 1 })
  const gone = await rules(project, { withdraw_task_runs: [run.id] }).expect(200)
  assert.deepEqual(gone.body, { ...nothing, tasks: 1, withdrawn: 1 })
})

test('a change of rules that is no rule, out of range or not one’s own is refused', async () => {
  const project = await publishedProject(site, owner)
  await assertRefused(rules(project, {}), [400, 'BadRequest', /Name one rule/])
  await assertRefused(rules(project, { n_answers: 1, calibration: 1 }), [
    400,
    'BadRequest',
    /One rule at a time/,
  ])
  await assertRefused(rules(project, { n_answers: 0 }), [415, 'DBIntegrityError', /At least 1 answer/])
  await assertRefused(rules(project, { state: 'gone' }), [415, 'DataError', /completed or ongoing/])
  await assertRefused(rules(project, { priority_0: 2 }), [415, 'DBIntegrityError', /At most 1/])
  await assertRefused(rules(project, { n_answers: 1, tasks: 'all' }), [415, 'DataError', /a list of ids/])
  const tooMany = Array.from({ length: 100_001 }, (_, n) => n)
  await assertRefused(rules(project, { n_answers: 1, tasks: tooMany }), [415, 'DataError', /at most 100000/])
  await assertRefused(rules(project, { n_answers: 1 }, stranger), [403, 'Forbidden'])
})

test('a large change waits for a worker, and is not ordered again while it waits', async () => {
  const project = await publishedProject(site, owner)
  await rowsOf(
    site,
    `with made as (insert into task (project_id, n_answers, info)
                   select $1, 2, '{}' from generate_series(1, 20001) returning id, project_id)
     insert into task_sched (task_id, project_id, n_answers) select id, project_id, 2 from made returning 1`,
    [project.id],
  )
  const jobs = () =>
    rowsOf(
      site,
      `select id from outbox where job = 'change-rules' and (payload ->> 'projectId')::bigint = $1`,
      [project.id],
    )
  // At the same time: one of them is ordered.
  const statuses = await Promise.all(
    [1, 2, 3].map(async () => (await rules(project, { n_answers: 3 })).status),
  )
  assert.deepEqual(statuses.sort(), [202, 415, 415])
  await assertRefused(rules(project, { n_answers: 3 }), [415, 'DBIntegrityError', /not made yet/])
  await rules(project, { n_answers: 3, dry_run: true }).expect(200)
  assert.equal((await jobs()).length, 1)
  await rules(project, { n_answers: 4 }).expect(202)
  assert.equal((await jobs()).length, 2)
})

test('an answer brings the next task along, in the same request', async () => {
  const project = await publishedProject(site, owner, { tasks: 3, redundancy: 2 })
  const who = keyContributor(site, project, owner)
  const [first = 0, second = 0, third = 0] = project.taskIds
  await who.newTask({ limit: 2 }).expect(200)
  const nextOf = async (taskId: number, query: object) => {
    const reply = await who
      .submit(taskId)
      .query({ next: 1, ...query })
      .expect(200)
    return (reply.body as { next: { id?: number; n_answers?: number } }).next
  }
  const ahead = await nextOf(first, { offset: 1 })
  assert.deepEqual([ahead.id, ahead.n_answers], [third, 2])
  assert.equal((await nextOf(second, {})).id, third)
  assert.deepEqual(await nextOf(third, {}), {})
  const refused = await who.submit(third).query({ next: 1 }).expect(403)
  assert.equal((refused.body as { next?: unknown }).next, undefined)
})

test('which tasks are for calibration is known to owners only, and their runs are scored by what they expect', async () => {
  const project = await publishedProject(site, owner)
  const known = { project_id: project.id, info: { n: 2 }, calibration: 1, expected_info: { kind: 'bird' } }
  const task = (await by(owner, site.http.post('/api/task').send(known)).expect(200)).body as { id: number }
  const path = `/api/task/${task.id}`
  const calibrationOf = async (request: Test) =>
    ((await request.expect(200)).body as { calibration: number }).calibration
  await waitForReplica()
  assert.equal(await calibrationOf(by(owner, site.http.get(path))), 1)
  assert.equal(await calibrationOf(site.http.get(path)), 0)
  const listed = (await site.http.get('/api/task').query({ project_id: project.id }).expect(200))
    .body as object[]
  assert.deepEqual(
    listed.map((one) => (one as { calibration: number }).calibration),
    [0, 0],
  )
  const query = { project_id: project.id, calibration: 1 }
  await assertRefused(site.http.get('/api/task').query(query), [403, 'Forbidden', /known to owners only/])
  const own = (await by(owner, site.http.get('/api/task').query(query)).expect(200)).body as object[]
  assert.equal(own.length, 1)

  await by(owner, site.http.post(`/api/project/${project.id}/request`).send({ task_id: task.id })).expect(204)
  await keyContributor(site, project, owner)
    .submit(task.id, { info: { kind: 'bird' } })
    .expect(200)
  const { rows } = await site.app.database.pools.write.query(
    'select score from task_run where task_id = $1',
    [task.id],
  )
  assert.deepEqual(rows, [{ score: 1 }])
})

test('leases are renewed and given back by whoever holds them', async () => {
  const project = await publishedProject(site, owner)
  const path = `/api/project/${project.id}`
  const [taskId = 0] = project.taskIds
  const mine = (action: string, body: object) => by(owner, site.http.post(`${path}/${action}`).send(body))
  await keyContributor(site, project, owner).newTask().expect(200)
  assert.deepEqual((await mine('renew', { task_ids: [taskId] }).expect(200)).body, { lease_seconds: 1800 })
  const other = await externalContributor(site, project)
  assert.deepEqual((await other.newTask()).body, {})
  await site.http
    .post(`${path}/leave`)
    .send({ task_ids: [taskId] })
    .expect(204)
  await mine('leave', { task_ids: [taskId] }).expect(204)
  const another = await externalContributor(site, project)
  assert.equal(((await another.newTask()).body as { id: number }).id, taskId)
  await assertRefused(mine('leave', { task_ids: taskId }), [415, 'DataError', /a list of at most 100 ids/])
  await assertRefused(mine('renew', { task_ids: ['x'] }), [415, 'DataError'])
})

test('the last answer is taken back for a while, by its contributor alone, and its task answered anew', async () => {
  const project = await publishedProject(site, owner, { tasks: 2 })
  const [first = 0, second = 0] = project.taskIds
  const who = keyContributor(site, project, owner)
  const undo = (user: typeof owner, runId: number) =>
    by(user, site.http.post(`/api/project/${project.id}/undo`).send({ task_run_id: runId }))
  await who.newTask({ limit: 2 }).expect(200)
  const one = ((await who.submit(first).expect(200)).body as { id: number }).id
  const two = ((await who.submit(second).expect(200)).body as { id: number }).id
  await assertRefused(undo(owner, one), [403, 'Forbidden', /Only your last answer/])
  await assertRefused(undo(stranger, two), [403, 'Forbidden', /no such answer/])
  assert.deepEqual((await undo(owner, two).expect(200)).body, { task_id: second })
  assert.equal(((await who.newTask()).body as { id: number }).id, second)
  const again = ((await who.submit(second, { info: 'Better' }).expect(200)).body as { id: number }).id
  assert.notEqual(again, two)
  await site.app.database.pools.write.query(
    `update task_run set finish_time = now() - interval '31 s' where id = $1`,
    [again],
  )
  await assertRefused(undo(owner, again), [403, 'Forbidden', /can no longer be taken back/])
  await site.app.database.pools.write.query(`update task_run set finish_time = now() where id = $1`, [again])
  await site.app.database.pools.write.query(
    `update outbox set enqueued = now() where (payload ->> 'taskId')::bigint = $1`,
    [second],
  )
  await assertRefused(undo(owner, again), [403, 'Forbidden', /the owner has been told/])
})
