import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestApp } from '../../support/app.ts'
import { externalContributor, publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const stranger = await site.user()

async function rulesOf(shortName: string) {
  await waitForReplica()
  return owner.http.get(`/project/${shortName}/tasks/rules`).expect(200)
}

test('an owner sees what a change of redundancy does before it is made', async () => {
  const project = await publishedProject(site, owner, { tasks: 2, redundancy: 2 })
  const who = await externalContributor(site, project)
  await who.newTask().expect(200)
  await who.submit(project.taskIds[0] ?? 0).expect(200)
  const path = `/project/${project.shortName}/tasks/rules/redundancy`
  const post = (values: Record<string, string>) => owner.http.post(path).type('form').send(values)
  const wanted = () => rowsOf(site, 'select n_answers as n from task where project_id = $1', [project.id])

  const tried = await post({ nAnswers: '1', step: 'try' }).expect(200)
  assert.match(tried.text, /1 task is finished with the answers it has/)
  assert.doesNotMatch(tried.text, /open again/)
  assert.deepEqual(await wanted(), [{ n: 2 }, { n: 2 }])

  await post({ nAnswers: '1', step: 'do' }).expect(302)
  assert.deepEqual(await wanted(), [{ n: 1 }, { n: 1 }])
  const refused = await post({ nAnswers: '0', step: 'do' }).expect(422, /At least 1 answer/)
  assert.match(refused.text, /value="0"/)
  await post({ nAnswers: 'many' }).expect(422, /Use a whole number/)
})

test('an owner chooses the order, the lease time, the undo time and the share of calibration tasks', async () => {
  const { id, shortName } = await publishedProject(site, owner)
  const path = `/project/${shortName}/tasks/rules`
  const page = await rulesOf(shortName)
  assert.match(page.text, /value="depth_first" checked/)
  assert.match(page.text, /name="leaseMinutes" type="number" value="30"/)
  const values = { scheduler: 'random', leaseMinutes: '10', undoSeconds: '0', calibrationPercent: '20' }
  await owner.http.post(path).type('form').send(values).expect(302)
  assert.match((await rulesOf(shortName)).text, /value="random" checked/)
  const [rules] = await rowsOf(
    site,
    `select scheduler, lease_seconds as lease, undo_seconds as undo, calibration_rate::numeric as rate from project where id = $1`,
    [id],
  )
  assert.deepEqual(rules, { scheduler: 'random', lease: 600, undo: 0, rate: '0.2' })
  const jobs = await rowsOf(
    site,
    `select 1 from outbox where job = 'reorder-tasks' and (payload ->> 'projectId')::bigint = $1`,
    [id],
  )
  assert.equal(jobs.length, 1)
  await owner.http
    .post(path)
    .type('form')
    .send({ ...values, leaseMinutes: '0.1' })
    .expect(422, /At least 30 seconds/)
  await owner.http
    .post(path)
    .type('form')
    .send({ ...values, scheduler: 'best' })
    .expect(422, /Choose one/)
  await stranger.http.get(path).expect(403)
  await stranger.http.post(path).type('form').send(values).expect(403)
  await stranger.http.post(`${path}/redundancy`).type('form').send({ nAnswers: '3' }).expect(403)
})

test('an owner tries and makes every other change of rules, for all tasks or for some', async () => {
  const project = await publishedProject(site, owner, { tasks: 3, redundancy: 2 })
  const [first = 0, second = 0] = project.taskIds
  const who = await externalContributor(site, project)
  for (const id of [first, second]) {
    await who.newTask().expect(200)
    await who.submit(id).expect(200)
  }
  const path = `/project/${project.shortName}/tasks/rules`
  const post = (rule: string, values: Record<string, string>) =>
    owner.http.post(`${path}/${rule}`).type('form').send(values)
  const tasks = () =>
    rowsOf(
      site,
      `select t.priority_0 as priority, t.calibration, t.state, s.n_runs as runs
         from task t join task_sched s on s.task_id = t.id where t.project_id = $1 order by t.id`,
      [project.id],
    )
  const usual = { priority: 0, calibration: 0, state: 'ongoing', runs: 1 }
  const untouched = { ...usual, runs: 0 }
  const both = `${first}, ${second}`

  const cases = [
    {
      rule: 'priority',
      values: { priority: '0.5', 'priority-tasks': String(first) },
      shows: /For 1 task this would happen/,
      makes: [{ ...usual, priority: 0.5 }, usual, untouched],
    },
    {
      rule: 'priority',
      values: { priority: '0' },
      shows: /For 3 tasks this would happen/,
      makes: [usual, usual, untouched],
    },
    {
      rule: 'state',
      values: { state: 'completed' },
      shows: /2 tasks are finished with the answers they have/,
      makes: [{ ...usual, state: 'completed' }, { ...usual, state: 'completed' }, untouched],
    },
    {
      rule: 'state',
      values: { state: 'ongoing', 'state-tasks': both },
      shows: /2 finished tasks are open again/,
      makes: [usual, usual, untouched],
    },
    {
      rule: 'calibration',
      values: { calibration: '1', 'calibration-tasks': String(second) },
      shows: /1 answer becomes extra/,
      makes: [usual, { ...usual, calibration: 1, runs: 0 }, untouched],
    },
    {
      rule: 'withdraw-runs',
      values: { 'withdraw-runs-tasks': both },
      shows: /2 answers are withdrawn/,
      makes: [untouched, { ...untouched, calibration: 1 }, untouched],
    },
  ]
  for (const { rule, values, shows, makes } of cases) {
    const before = await tasks()
    await post(rule, { ...values, step: 'try' }).expect(200, shows)
    assert.deepEqual(await tasks(), before, rule)
    await post(rule, { ...values, step: 'do' }).expect(302)
    assert.deepEqual(await tasks(), makes, rule)
  }

  await post('priority', { priority: '2' }).expect(422, /At most 1/)
  await post('calibration', { calibration: '1' }).expect(422, /Write the numbers of tasks/)
  await post('state', { state: 'completed', 'state-tasks': 'the first' }).expect(422, /Write the numbers/)
  await post('withdraw-runs', { 'withdraw-runs-tasks': both }).expect(422, /These tasks have no answers/)
  await post('everything', {}).expect(404)
  await stranger.http
    .post(`${path}/withdraw-runs`)
    .type('form')
    .send({ 'withdraw-runs-tasks': both })
    .expect(403)
})

test('a change of very many tasks is left to a worker, and the page says so', async () => {
  const project = await publishedProject(site, owner)
  await rowsOf(
    site,
    `with made as (insert into task (project_id, n_answers, info) select $1, 1, '{}' from generate_series(1, 20000)
                   returning id)
     insert into task_sched (task_id, project_id, n_answers) select id, $1, 1 from made`,
    [project.id],
  )
  const reply = await owner.http
    .post(`/project/${project.shortName}/tasks/rules/redundancy`)
    .type('form')
    .send({ nAnswers: '2', step: 'do' })
    .expect(302)
  await owner.http.get(reply.headers['location'] ?? '').expect(200, /This is a large change/)
})
