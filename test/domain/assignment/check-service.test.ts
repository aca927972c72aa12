import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { newTask, requestTask, submitTaskRun } from '../../../src/domain/assignment/assignment-service.ts'
import { agrees, checkProjects } from '../../../src/domain/assignment/check-service.ts'
import type { ProjectReport } from '../../../src/domain/assignment/check-service.ts'
import type { ContributorKey } from '../../../src/domain/contributors/contributor-service.ts'
import type { Project } from '../../../src/domain/projects/project-service.ts'
import { changeRules } from '../../../src/domain/tasks/rule-service.ts'
import type { RuleChange } from '../../../src/domain/tasks/rule-service.ts'
import { addTasks, deleteTask, getTask } from '../../../src/domain/tasks/task-service.ts'
import type { TaskInput } from '../../../src/domain/tasks/task-service.ts'
import { foldTotals } from '../../../src/domain/totals/total-service.ts'
import type { User } from '../../../src/domain/users/user-service.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { newOwner, newProject, startJobApp } from '../../support/jobs.ts'
import type { JobApp } from '../../support/jobs.ts'
import { waitForReplica } from '../../support/servers.ts'

const ending = untilFileEnds()
let job: JobApp
let owner: User

before(async () => {
  job = await startJobApp(ending)
  owner = await newOwner(job)
})

/** A project that has some of everything. */
interface World {
  project: Project
  /** Has two counted task runs and an extra one. */
  done: number
  /** Has one counted task run and a lease. */
  begun: number
  untouched: number
  /** For calibration, with a score. */
  calibration: number
}

async function newWorld(): Promise<World> {
  const project = await newProject(job, owner, [{ n: 1 }, { n: 2 }, { n: 3 }])
  await job.db().write((tx) => addTasks(tx, project.id, calibrationTasks()))
  const tasks = await job.sql('select id from task where project_id = $1 order by id', [project.id])
  const [done = 0, begun = 0, untouched = 0, calibration = 0] = tasks.map(({ id }) => Number(id))
  const [first, second, third] = [newContributor(), newContributor(), newContributor()]
  await submitNext(project, first)
  await submitNext(project, second)
  await submitNext(project, first)
  await newTask(job.app, job.db(), project, second, { limit: 1, offset: 0 })
  for (const id of [done, calibration]) {
    await requestTask(job.app, job.db(), { id, projectId: project.id }, third)
    await submit(project, third, id)
  }
  return { project, done, begun, untouched, calibration }
}

async function* calibrationTasks(): AsyncGenerator<TaskInput> {
  yield await Promise.resolve({ info: { n: 4 }, nAnswers: 2, calibration: 1, expectedInfo: 'yes' })
}

function newContributor(): ContributorKey {
  return { kind: 'device', deviceId: randomUUID() }
}

async function submitNext(project: Project, who: ContributorKey): Promise<boolean> {
  const [task] = await newTask(job.app, job.db(), project, who, { limit: 1, offset: 0 })
  if (task) await submit(project, who, task.id)
  return task !== undefined
}

function submit({ id }: Project, who: ContributorKey, taskId: number) {
  return submitTaskRun(job.app, job.db(), who, { projectId: id, taskId, info: 'yes' }, 'request')
}

async function check(project: Project, repair = false): Promise<ProjectReport> {
  await waitForReplica()
  const reports: ProjectReport[] = []
  for await (const report of checkProjects(job.app, () => job.db(), { only: project.shortName, repair }))
    reports.push(report)
  assert.equal(reports.length, 1)
  const [report] = reports
  assert.ok(report)
  return report
}

/** What was found, each with how often, and what of the totals. */
function found({ findings, totals }: ProjectReport) {
  const counts = Object.fromEntries([...findings].map(([problem, { count }]) => [problem, count]))
  return totals === undefined || totals.length === 0
    ? counts
    : { ...counts, totals: totals.map(({ total }) => total) }
}

interface Damage {
  name: string
  by: (world: World) => string
  finds: Record<string, unknown>
}

const sched = (change: string, of: (world: World) => number) => (world: World) =>
  `update task_sched set ${change} where task_id = ${of(world)}`
const DONE = ({ done }: World) => done
const BEGUN = ({ begun }: World) => begun
const UNTOUCHED = ({ untouched }: World) => untouched

const DAMAGES: readonly Damage[] = [
  { name: 'a priority not copied', by: sched('nprio = -0.5', UNTOUCHED), finds: { copied: 1 } },
  {
    name: 'a redundancy not copied, of a task that it would leave unfinished',
    by: ({ done }) => `update task set n_answers = 3 where id = ${done}`,
    finds: { copied: 1, open: 1, done_by: 1, state: 1, result: 1 },
  },
  { name: 'lost counted task runs', by: sched('n_runs = 0', BEGUN), finds: { n_runs: 1 } },
  { name: 'too many extra task runs', by: sched('n_extra = 7', DONE), finds: { n_extra: 1 } },
  { name: 'a place taken by nobody', by: sched('n_taken = 1', UNTOUCHED), finds: { n_taken: 1 } },
  { name: 'a free place not offered', by: sched('open = false', UNTOUCHED), finds: { open: 1 } },
  { name: 'a full task offered', by: sched('open = true', DONE), finds: { open: 1 } },
  { name: 'a finished task not marked', by: sched('done_by = null', DONE), finds: { done_by: 1 } },
  {
    name: 'a task finished by an extra task run',
    by: sched('done_by = (select max(id) from task_run r where r.task_id = task_sched.task_id)', DONE),
    finds: { done_by: 1 },
  },
  {
    name: 'the order of another scheduler',
    by: sched("sched = 'b', ord = n_taken", BEGUN),
    finds: { ord: 1 },
  },
  { name: 'an order key', by: sched('ord = 9', BEGUN), finds: { ord: 1 } },
  {
    name: 'a state',
    by: ({ done, untouched }) =>
      `update task set state = case state when 'ongoing' then 'completed' else 'ongoing' end
        where id in (${done}, ${untouched})`,
    finds: { state: 2 },
  },
  {
    name: 'a result lost',
    by: ({ done }) => `delete from result where task_id = ${done}`,
    finds: { result: 1 },
  },
  {
    name: 'a result that lists other task runs',
    by: ({ done }) => `update result set task_run_ids = task_run_ids[1:1] where task_id = ${done}`,
    finds: { result: 1 },
  },
  {
    name: 'a result of an unfinished task',
    by: ({ begun, project }) =>
      `insert into result (project_id, task_id, task_run_ids) values (${project.id}, ${begun}, '{}')`,
    finds: { result: 1 },
  },
  {
    name: 'a completion that nobody was told of',
    by: ({ done }) =>
      `delete from outbox where job = 'note-task-completed' and (payload ->> 'taskId')::bigint = ${done}`,
    finds: { event: 1 },
  },
  {
    name: 'a lease lost',
    by: ({ begun }) => `delete from lease where task_id = ${begun}`,
    finds: { n_taken: 1, open: 1 },
  },
  {
    name: 'a completing task run lost',
    by: ({ done }) =>
      `delete from task_run using task_sched s where task_run.id = s.done_by and s.task_id = ${done}`,
    finds: { n_runs: 1, n_taken: 1, open: 1, done_by: 1, state: 1, result: 1, contributor: 1 },
  },
  {
    name: 'a task run that counts no more',
    by: ({ begun }) => `update task_run set counted = false where task_id = ${begun}`,
    finds: { n_runs: 1, n_extra: 1, n_taken: 1, open: 1 },
  },
  {
    name: 'more counted task runs than wanted',
    by: ({ done }) => `update task_run set counted = true where task_id = ${done}`,
    finds: { n_runs: 1, n_extra: 1, n_taken: 1, surplus: 1, result: 1 },
  },
  {
    name: 'a counted task run of a calibration task',
    by: ({ calibration }) => `update task_run set counted = true where task_id = ${calibration}`,
    finds: { n_runs: 1, n_extra: 1, n_taken: 1, surplus: 1 },
  },
  {
    name: 'a task without a scheduling row',
    by: ({ begun }) => `delete from task_sched where task_id = ${begun}`,
    finds: { 'no-sched': 1 },
  },
  {
    name: 'a begun task that is gone',
    by: ({ begun }) => `delete from task where id = ${begun}`,
    finds: { 'stray-task_sched': 1, 'stray-lease': 1, 'stray-run': 1 },
  },
  {
    name: 'a finished task that is gone',
    by: ({ done }) => `delete from task where id = ${done}`,
    finds: { 'stray-task_sched': 1, 'stray-result': 1, 'stray-run': 3 },
  },
  {
    name: "contributors' task runs",
    by: ({ project }) =>
      `update contributor_project set n_runs = n_runs + 1 where project_id = ${project.id}`,
    finds: { contributor: 3 },
  },
  {
    name: "contributors' scores",
    by: ({ project }) =>
      `update contributor_project set n_scored = 0, score_sum = 0.5 where project_id = ${project.id} and n_scored > 0`,
    finds: { contributor: 1 },
  },
  {
    name: 'contributors who are not counted at all',
    by: ({ project }) => `delete from contributor_project where project_id = ${project.id}`,
    finds: { contributor: 3 },
  },
  {
    name: 'totals that were not folded',
    by: ({ project }) =>
      `delete from project_delta where project_id = ${project.id} and n_completed_tasks > 0`,
    finds: { totals: ['n_completed_tasks', 'n_task_runs', 'n_contributors'] },
  },
  {
    name: 'totals written over',
    by: ({ project }) =>
      `insert into project_total (project_id, n_wanted, n_extra) values (${project.id}, 5, 1)
       on conflict (project_id) do update set n_wanted = 5, n_extra = 1`,
    finds: { totals: ['n_wanted', 'n_extra'] },
  },
]

test('a project with some of everything agrees, before and after its changes are folded', async () => {
  const { project } = await newWorld()
  const report = await check(project)
  assert.deepEqual([found(report), agrees(report), report.nTasks], [{}, true, 4])
  await foldTotals(job.db())
  assert.ok(agrees(await check(project)))
})

for (const { name, by, finds } of DAMAGES) {
  test(`${name}: is found, is mended, and agrees then`, async () => {
    const world = await newWorld()
    await job.sql(by(world))
    const report = await check(world.project)
    assert.deepEqual([found(report), agrees(report)], [finds, false])
    assert.deepEqual(found(await check(world.project)), finds, 'a check alone changes nothing')

    const repair = await check(world.project, true)
    assert.deepEqual([found(repair), repair.leftWrong], [finds, []])
    assert.deepEqual(found(await check(world.project)), {})
    await foldTotals(job.db())
    assert.ok(agrees(await check(world.project)))
  })
}

test('a mended task tells of its completion once, and keeps the first task runs counted', async () => {
  const { project, done } = await newWorld()
  await job.sql(`delete from outbox where (payload ->> 'taskId')::bigint = $1`, [done])
  await job.sql(`update task_run set counted = true where task_id = $1`, [done])
  await check(project, true)
  await check(project, true)
  const events = await job.sql(`select job from outbox where (payload ->> 'taskId')::bigint = $1`, [done])
  assert.deepEqual(events, [{ job: 'note-task-completed' }])
  const runs = await job.sql('select counted from task_run where task_id = $1 order by id', [done])
  assert.deepEqual(runs, [{ counted: true }, { counted: true }, { counted: false }])
})

test('task runs of a task that is gone stay as history', async () => {
  const { project, done } = await newWorld()
  await job.sql('delete from task where id = $1', [done])
  await check(project, true)
  const runs = await job.sql('select distinct withdrawn_by as by from task_run where task_id = $1', [done])
  assert.deepEqual(runs, [{ by: 'check' }])
})

test('a completion so long ago that its event may be forgotten is not missed', async () => {
  const { project, done } = await newWorld()
  await job.sql(`delete from outbox where (payload ->> 'taskId')::bigint = $1`, [done])
  await job.sql(`update result set created = now() - interval '15 days' where task_id = $1`, [done])
  assert.ok(agrees(await check(project)))
})

test('what owners take away leaves everything in agreement', async () => {
  const { project, done, begun } = await newWorld()
  const [run] = await job.sql('select id from task_run where task_id = $1', [begun])
  const options = { dryRun: false, caller: 'api' } as const
  const change: RuleChange = { rule: 'withdraw-runs', runIds: [Number(run?.['id'])] }
  await changeRules(job.app, job.db(), owner, project, [], change, options)
  await waitForReplica()
  await deleteTask(job.db(), { ...owner, isAdmin: true }, project, await getTask(job.db(), done))
  const report = await check(project)
  assert.deepEqual([found(report), agrees(report)], [{}, true])
})

test('a task that somebody holds longer than a statement waits is waited for again', async () => {
  const { project, untouched } = await newWorld()
  await job.sql('update task_sched set ord = 9 where task_id = $1', [untouched])
  const client = await job.app.database.pools.write.connect()
  await client.query('begin')
  await client.query('select from task_sched where task_id = $1 for update', [untouched])
  const checking = check(project)
  await sleep(4_000)
  await client.query('rollback')
  client.release()
  assert.deepEqual(found(await checking), { ord: 1 })
})

test('nothing is harmed, missed or suspected while people submit and a worker folds', async () => {
  const nTasks = 150
  const infos = Array.from({ length: nTasks }, (_, n) => ({ n }))
  const project = await newProject(job, owner, infos)
  const damage = [
    `update task_sched set n_extra = 5, ord = 3 where project_id = $1 and task_id % 2 = 0`,
    `update task_sched set open = false where project_id = $1 and task_id % 3 = 0`,
    `update contributor_project set score_sum = 3 where project_id = $1`,
    `insert into project_delta (project_id, n_tasks, n_task_runs) values ($1, 3, -2)`,
  ]
  let isRepairing = true
  let nStored = 0
  const submitting = Array.from({ length: 4 }, async () => {
    const who = newContributor()
    for (let more = true; more || isRepairing; nStored += Number(more)) more = await submitNext(project, who)
  })
  const fold = async () => {
    while (isRepairing) await foldTotals(job.db())
  }
  const folding = fold()
  const nStoredAfter: number[] = []
  for (let round = 0; round < 3; round += 1) {
    for (const statement of damage) await job.sql(statement, [project.id])
    const repair = await check(project, true)
    assert.deepEqual([agrees(repair), repair.leftWrong], [false, []])
    const report = await check(project)
    assert.deepEqual([found(report), agrees(report)], [{}, true])
    nStoredAfter.push(nStored)
  }
  isRepairing = false
  await Promise.all([...submitting, folding])

  assert.ok(new Set([0, ...nStoredAfter]).size > 1, 'somebody submitted meanwhile')
  assert.deepEqual(found(await check(project)), {})
  assert.equal(nStored, 2 * nTasks)
  const states = await job.sql(
    `select t.state, s.n_runs, s.n_extra, count(*) as n from task t join task_sched s on s.task_id = t.id
      where t.project_id = $1 group by 1, 2, 3`,
    [project.id],
  )
  assert.deepEqual(states, [{ state: 'completed', n_runs: 2, n_extra: 0, n: nTasks }])
})
