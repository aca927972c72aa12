import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getTotals } from '../../../src/domain/projects/project-service.ts'
import { assertRefused, by } from '../../support/api.ts'
import type { Body } from '../../support/api.ts'
import { startTestApp } from '../../support/app.ts'
import { draftProject, externalContributor, publishedProject, rowsOf } from '../../support/builders.ts'
import type { BuiltProject } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const admin = await site.user()
const owner = await site.user()
const stranger = await site.user()

/** Answers the first task of a project as this many people. */
async function answerFirst(project: BuiltProject, people: number): Promise<void> {
  for (let n = 0; n < people; n += 1) {
    const who = await externalContributor(site, project)
    await who.newTask().expect(200)
    await who.submit(project.taskIds[0] ?? 0).expect(200)
  }
  await waitForReplica()
}

async function stateOf(project: BuiltProject): Promise<Body> {
  const [row] = await rowsOf<Body>(
    site,
    `select t.state, s.n_answers, s.n_runs, s.n_taken, s.n_extra, s.open,
            (select count(*)::int from result r where r.task_id = t.id and r.last_version) as results
       from task t join task_sched s on s.task_id = t.id where t.id = $1`,
    [project.taskIds[0]],
  )
  return row ?? {}
}

async function totalsOf({ id }: BuiltProject) {
  await waitForReplica()
  const { nTasks, nWanted, nCompletedTasks, nTaskRuns, nExtra } = await getTotals(
    site.app.database.open({ writes: false }),
    id,
  )
  return { nTasks, nWanted, nCompletedTasks, nTaskRuns, nExtra }
}

const put = (project: BuiltProject, body: Body) =>
  by(owner, site.http.put(`/api/task/${project.taskIds[0] ?? 0}`)).send(body)

test('a task is created with its settings, read, changed and deleted', async () => {
  const project = await draftProject(site, owner)
  const sent = {
    project_id: project.id,
    info: { url: 'x' },
    n_answers: '2',
    priority_0: '0.5',
    quorum: 1,
    calibration: 1,
  }
  const made = (await by(owner, site.http.post('/api/task')).send(sent).expect(200)).body as Body
  const { id, created, ...rest } = made
  assert.match(String(created), /^\d{4}-\d\d-\d\dT[\d:.]+$/)
  assert.deepEqual(rest, {
    project_id: project.id,
    state: 'ongoing',
    quorum: 1,
    calibration: 1,
    priority_0: 0.5,
    info: { url: 'x' },
    n_answers: 2,
    fav_user_ids: null,
  })
  await waitForReplica()
  const path = `/api/task/${String(id)}`
  const read = (await by(owner, site.http.get(path)).expect(200)).body as Body
  assert.match(String(read['link']), /rel='self'/)
  const changed = await by(owner, site.http.put(path))
    .send({ info: null, priority_0: 1, project_id: project.id })
    .expect(200)
  assert.deepEqual([(changed.body as Body)['info'], (changed.body as Body)['priority_0']], [null, 1])
  const whole = await by(owner, site.http.put(path)).send({ n_answers: null }).expect(200)
  assert.equal((whole.body as Body)['n_answers'], 30)
  await by(owner, site.http.put(path)).send({ quorum: 2 }).expect(200)
  await by(owner, site.http.put(path)).send({}).expect(200)
  await by(owner, site.http.delete(path)).expect(204)
  await waitForReplica()
  await assertRefused(site.http.get(path), [404, 'NotFound', /task/])
  assert.deepEqual(await totalsOf(project), {
    nTasks: 1,
    nWanted: 1,
    nCompletedTasks: 0,
    nTaskRuns: 0,
    nExtra: 0,
  })

  const plain = await by(owner, site.http.post('/api/task')).send({ project_id: project.id }).expect(200)
  assert.deepEqual([(plain.body as Body)['n_answers'], (plain.body as Body)['info']], [30, null])
})

test('what cannot be a task is refused with its reason', async () => {
  const project = await draftProject(site, owner)
  const task = (fields: Body) => ({ project_id: project.id, info: {}, ...fields })
  const cases: [Body, number, string, RegExp][] = [
    [{ info: {} }, 415, 'DBIntegrityError', /project_id is required/],
    [task({ project_id: 999_999 }), 404, 'NotFound', /project/],
    [task({ state: 'completed' }), 400, 'BadRequest', /Reserved keys/],
    [task({ colour: 1 }), 415, 'TypeError', /'colour' is an invalid keyword argument for Task/],
    [task({ n_answers: 0 }), 415, 'DBIntegrityError', /at least 1/],
    [task({ n_answers: 10_001 }), 415, 'DBIntegrityError', /at most 10,000/],
    [task({ n_answers: 1.5 }), 415, 'DataError', /n_answers: a whole number/],
    [task({ priority_0: 2 }), 415, 'DBIntegrityError', /at most 1/],
    [task({ priority_0: 'high' }), 415, 'DataError', /priority_0: a number/],
    [task({ calibration: 2 }), 415, 'DBIntegrityError', /./],
  ]
  for (const [sent, ...reason] of cases)
    await assertRefused(by(owner, site.http.post('/api/task')).send(sent), reason)
  await assertRefused(put(project, { n_answers: -1 }), [415, 'DBIntegrityError', /at least 1/])
  await assertRefused(put(project, { project_id: project.id + 1 }), [
    400,
    'BadRequest',
    /stays in its project/,
  ])
  await assertRefused(by(owner, site.http.get('/api/task/first')), [404, 'NotFound', /whole numbers/])
})

test('only owners and admins make, change and delete tasks', async () => {
  const project = await publishedProject(site, owner)
  const path = `/api/task/${project.taskIds[0] ?? 0}`
  const asks = [
    () => site.http.post('/api/task').send({ project_id: project.id, info: {} }),
    () => site.http.put(path).send({ info: {} }),
    () => site.http.delete(path),
  ]
  for (const ask of asks) {
    await assertRefused(ask(), [401, 'Unauthorized'])
    await assertRefused(by(stranger, ask()), [403, 'Forbidden'])
  }
  const draft = await draftProject(site, owner)
  await assertRefused(by(stranger, site.http.get(`/api/task/${draft.taskIds[0] ?? 0}`)), [403, 'Forbidden'])
})

test('less redundancy completes a task and makes the newest answers extra; more opens it again', async () => {
  const project = await publishedProject(site, owner, { redundancy: 4 })
  await answerFirst(project, 3)
  await put(project, { n_answers: 2 }).expect(200)
  const shared = { n_taken: 2, n_runs: 2 }
  assert.deepEqual(await stateOf(project), {
    state: 'completed',
    n_answers: 2,
    ...shared,
    n_extra: 1,
    open: false,
    results: 1,
  })
  assert.deepEqual(await totalsOf(project), {
    nTasks: 1,
    nWanted: 2,
    nCompletedTasks: 1,
    nTaskRuns: 2,
    nExtra: 1,
  })

  // There is room for the extra answer now: it counts.
  await put(project, { n_answers: 3 }).expect(200)
  const three = { n_taken: 3, n_runs: 3, n_extra: 0, open: false, results: 1 }
  assert.deepEqual(await stateOf(project), { state: 'completed', n_answers: 3, ...three })
  await put(project, { n_answers: 4 }).expect(200)
  const reopened = { ...three, open: true, results: 0 }
  assert.deepEqual(await stateOf(project), { state: 'ongoing', n_answers: 4, ...reopened })
  assert.deepEqual(await totalsOf(project), {
    nTasks: 1,
    nWanted: 4,
    nCompletedTasks: 0,
    nTaskRuns: 3,
    nExtra: 0,
  })
  const jobs = await rowsOf<{ job: string }>(site, `select job from outbox where job = 'note-task-completed'`)
  assert.ok(jobs.length > 0)
})

test('less redundancy takes places back from people who have not answered', async () => {
  const project = await publishedProject(site, owner, { redundancy: 3 })
  for (let n = 0; n < 3; n += 1) await (await externalContributor(site, project)).newTask().expect(200)
  await put(project, { n_answers: 1 }).expect(200)
  const { n_taken: nTaken, open } = await stateOf(project)
  assert.deepEqual([nTaken, open], [1, false])
})

test('a task with a result is deleted by an admin only, and takes its figures with it', async () => {
  const project = await publishedProject(site, owner, { tasks: 2 })
  await answerFirst(project, 1)
  const path = `/api/task/${project.taskIds[0] ?? 0}`
  await assertRefused(by(owner, site.http.delete(path)), [403, 'Forbidden', /only an admin/])
  await by(admin, site.http.delete(path)).expect(204)
  assert.deepEqual(await totalsOf(project), {
    nTasks: 1,
    nWanted: 1,
    nCompletedTasks: 0,
    nTaskRuns: 0,
    nExtra: 0,
  })
  await waitForReplica()
  await assertRefused(by(admin, site.http.delete(path)), [404, 'NotFound'])
})
