import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test from 'node:test'
import { newTask, submitTaskRun } from '../../../src/domain/assignment/assignment-service.ts'
import { getTotals, publishProject } from '../../../src/domain/projects/project-service.ts'
import { changeRules } from '../../../src/domain/tasks/rule-service.ts'
import type { RuleChange } from '../../../src/domain/tasks/rule-service.ts'
import { deleteTask, getTask } from '../../../src/domain/tasks/task-service.ts'
import { foldTotals } from '../../../src/domain/totals/total-service.ts'
import { newOwner, newProject, startJobApp } from '../../support/jobs.ts'
import type { JobApp } from '../../support/jobs.ts'
import { waitForReplica } from '../../support/servers.ts'

async function totalsOf(job: JobApp, projectId: number) {
  await waitForReplica()
  const { lastActivity, ...counts } = await getTotals(job.db(), projectId)
  return { ...counts, isActive: lastActivity !== null }
}

test('totals are exact before, while and after changes are folded into them', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const project = await newProject(job, owner, [{ n: 1 }, { n: 2 }])
  const before = await totalsOf(job, project.id)
  assert.deepEqual(before, {
    nTasks: 2,
    nCalibrationTasks: 0,
    nWanted: 4,
    nCompletedTasks: 0,
    nTaskRuns: 0,
    nExtra: 0,
    nContributors: 0,
    isActive: false,
  })
  assert.equal((await foldTotals(job.db())).changes, 1)
  assert.deepEqual(await totalsOf(job, project.id), before)

  for (const deviceId of [randomUUID(), randomUUID()]) {
    const who = { kind: 'device', deviceId } as const
    const [task] = await newTask(job.app, job.db(), project, who, { limit: 1, offset: 0 })
    const run = { projectId: project.id, taskId: task?.id ?? 0, info: 'yes' }
    await submitTaskRun(job.app, job.db(), who, run, 'request-of-test')
  }
  const after = await totalsOf(job, project.id)
  assert.deepEqual(after, {
    nTasks: 2,
    nCalibrationTasks: 0,
    nWanted: 4,
    nCompletedTasks: 1,
    nTaskRuns: 2,
    nExtra: 0,
    nContributors: 2,
    isActive: true,
  })
  assert.equal((await foldTotals(job.db())).changes, 2)
  assert.equal((await foldTotals(job.db())).changes, 0)
  assert.deepEqual(await totalsOf(job, project.id), after)
})

test('a contributor whose last task run is withdrawn or deleted is counted no more, and anew with the next', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const project = await newProject(job, owner, [{ n: 1 }, { n: 2 }])
  const who = { kind: 'device', deviceId: randomUUID() } as const
  const submitNext = async () => {
    const [task] = await newTask(job.app, job.db(), project, who, { limit: 1, offset: 0 })
    const run = { projectId: project.id, taskId: task?.id ?? 0, info: 'yes' }
    return { taskId: run.taskId, runId: (await submitTaskRun(job.app, job.db(), who, run, 'request')).id }
  }
  const contributors = async () => (await totalsOf(job, project.id)).nContributors

  const first = await submitNext()
  const withdrawal: RuleChange = { rule: 'withdraw-runs', runIds: [first.runId] }
  await changeRules(job.app, job.db(), owner, project, [], withdrawal, { dryRun: false, caller: 'api' })
  assert.equal(await contributors(), 0)
  const second = await submitNext()
  assert.equal(await contributors(), 1)
  await waitForReplica()
  await deleteTask(job.db(), owner, project, await getTask(job.db(), second.taskId))
  assert.equal(await contributors(), 0)
  await submitNext()
  assert.equal(await contributors(), 1)
})

test('workers that fold at the same time count each change once', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const projects = [await newProject(job, owner, [{ n: 1 }]), await newProject(job, owner, [{ n: 1 }])]
  const ids = projects.map(({ id }) => id)
  let isAppending = true
  const folding = Array.from({ length: 4 }, async () => {
    while (isAppending) await foldTotals(job.db())
  })
  for (let round = 0; round < 20; round += 1) {
    await job.sql(
      'insert into project_delta (project_id, n_task_runs) select p, 1 from unnest($1::bigint[]) p, generate_series(1, 10)',
      [ids],
    )
  }
  isAppending = false
  await Promise.all(folding)
  await foldTotals(job.db())

  const rows = await job.sql('select n_tasks, n_task_runs from project_total order by project_id')
  assert.deepEqual(rows, [
    { n_tasks: 1, n_task_runs: 200 },
    { n_tasks: 1, n_task_runs: 200 },
  ])
  assert.deepEqual(await job.sql('select 1 from project_delta'), [])
})

test('changes of a project that is gone leave no totals behind', async (t) => {
  const job = await startJobApp(t)
  await job.sql('insert into project_delta (project_id, n_tasks) values (4711, 1)')
  assert.equal((await foldTotals(job.db())).changes, 1)
  assert.deepEqual(await job.sql('select 1 from project_total'), [])
})

test('publishing forgets what was tried out, also what had not been folded', async (t) => {
  const job = await startJobApp(t)
  const owner = await newOwner(job)
  const project = await newProject(job, owner, [{ n: 1 }, { n: 2 }])
  await job.sql('insert into project_delta (project_id, n_task_runs) values ($1, 5)', [project.id])
  const withPresenter = { ...project, presenterVersionId: 1 }
  await Promise.all([foldTotals(job.db()), publishProject(job.db(), owner, withPresenter)])
  await foldTotals(job.db())
  const { nTasks, nTaskRuns } = await totalsOf(job, project.id)
  assert.deepEqual({ nTasks, nTaskRuns }, { nTasks: 2, nTaskRuns: 0 })
})
