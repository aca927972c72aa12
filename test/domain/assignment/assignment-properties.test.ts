import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import fc from 'fast-check'
import {
  leaveTasks,
  newTask,
  renewTasks,
  requestTask,
  skipTask,
  submitForNext,
  submitTaskRun,
  sweepLeases,
  withdrawTaskRun,
} from '../../../src/domain/assignment/assignment-service.ts'
import { agrees, checkProjects } from '../../../src/domain/assignment/check-service.ts'
import type { ContributorKey } from '../../../src/domain/contributors/contributor-service.ts'
import {
  SCHEDULERS,
  changeScheduler,
  getProject,
  getTotals,
} from '../../../src/domain/projects/project-service.ts'
import type { Project, Scheduler } from '../../../src/domain/projects/project-service.ts'
import { changeRules, reorderProject } from '../../../src/domain/tasks/rule-service.ts'
import type { RuleChange } from '../../../src/domain/tasks/rule-service.ts'
import { getTask, updateTask } from '../../../src/domain/tasks/task-service.ts'
import type { TaskChanges } from '../../../src/domain/tasks/task-service.ts'
import { foldTotals } from '../../../src/domain/totals/total-service.ts'
import { ForbiddenError } from '../../../src/lib/errors.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestApp, TestUser } from '../../support/app.ts'
import { publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

/** Programs tried; nightly runs ask for thousands. */
const PROGRAMS = Number(process.env['PROGRAMS'] ?? 40)
/** Printed, so that a run can be repeated. */
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const N_TASKS = 3
const N_CONTRIBUTORS = 4

type Step =
  | { do: 'newtask'; who: number; limit: number; offset: number }
  | { do: 'request' | 'skip'; who: number; task: number }
  | { do: 'submit'; who: number; task: number; key: string | undefined }
  | { do: 'submit-next'; who: number; task: number; key: string | undefined; offset: number }
  | { do: 'leave' | 'renew'; who: number; tasks: number[] }
  | { do: 'undo'; who: number }
  | { do: 'redundancy'; task: number; nAnswers: number }
  | { do: 'calibration'; task: number; calibration: number }
  | { do: 'scheduler'; scheduler: Scheduler }
  | { do: 'rule'; change: RuleChange; dryRun: boolean }
  | { do: 'expire' | 'sweep' | 'fold' | 'reorder' }

const who = fc.nat({ max: N_CONTRIBUTORS - 1 })
const task = fc.nat({ max: N_TASKS - 1 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: newTaskStep() },
  { weight: 6, arbitrary: submitStep() },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('request', 'skip'), who, task }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('redundancy'), task, nAnswers: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('expire', 'sweep', 'fold', 'reorder') }) },
  { weight: 3, arbitrary: submitNextStep() },
  { weight: 1, arbitrary: ruleStep() },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('leave', 'renew'),
      who,
      tasks: fc.uniqueArray(task, { minLength: 1 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('undo'), who }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('calibration'), task, calibration: fc.nat({ max: 1 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('scheduler'), scheduler: fc.constantFrom(...SCHEDULERS) }),
  },
)

function ruleStep() {
  const change: fc.Arbitrary<RuleChange> = fc.oneof(
    fc.record({ rule: fc.constant('redundancy'), nAnswers: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ rule: fc.constant('priority'), priority: fc.constantFrom(0, 0.1, 1) }),
    fc.record({ rule: fc.constant('calibration'), calibration: fc.nat({ max: 1 }) }),
    fc.record({ rule: fc.constant('state'), state: fc.constantFrom('completed', 'ongoing') }),
  )
  return fc.record({ do: fc.constant('rule'), change, dryRun: fc.boolean() })
}

function submitNextStep() {
  const key = fc.constantFrom(undefined, 'first', 'second')
  return fc.record({ do: fc.constant('submit-next'), who, task, key, offset: fc.nat({ max: 1 }) })
}

function newTaskStep() {
  return fc.record({
    do: fc.constant('newtask'),
    who,
    limit: fc.integer({ min: 1, max: 3 }),
    offset: fc.integer({ min: 0, max: 2 }),
  })
}

function submitStep() {
  const key = fc.constantFrom(undefined, 'first', 'second')
  return fc.record({ do: fc.constant('submit'), who, task, key })
}

/** Steps of one inner list happen at once. */
const program = fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 14 })

const ending = untilFileEnds()
let site: TestApp
let owner: TestUser

before(async () => {
  site = await startTestApp(ending)
  owner = await site.user()
})

interface World {
  project: Project
  taskIds: readonly number[]
}

function writer() {
  return site.app.database.open({ writes: true })
}

async function newWorld(): Promise<World> {
  const built = await publishedProject(site, owner, { tasks: N_TASKS, redundancy: 2 })
  return { project: await getProject(writer(), owner, built.id), taskIds: built.taskIds }
}

/** Takes one step; refusals are part of the game, any other error is not. */
async function take(world: World, one: Step): Promise<void> {
  try {
    await effect(world, one)
  } catch (error) {
    if (!(error instanceof ForbiddenError)) throw error
  }
}

function effect({ project, taskIds }: World, one: Step): Promise<unknown> {
  const { app } = site
  const contributor = (n: number): ContributorKey => ({
    kind: 'external',
    projectId: project.id,
    externalUid: `c${n}`,
  })
  const taskOf = (n: number) => ({ id: taskIds[n] ?? 0, projectId: project.id })
  switch (one.do) {
    case 'newtask':
      return newTask(app, writer(), project, contributor(one.who), one)
    case 'request':
      return requestTask(app, writer(), taskOf(one.task), contributor(one.who))
    case 'skip':
      return skipTask(app, writer(), taskOf(one.task), contributor(one.who))
    case 'submit': {
      const { id: taskId, projectId } = taskOf(one.task)
      const run = { projectId, taskId, info: one.key ?? null, idempotencyKey: one.key }
      return submitTaskRun(app, writer(), contributor(one.who), run, 'request')
    }
    case 'submit-next': {
      const { id: taskId, projectId } = taskOf(one.task)
      const run = { projectId, taskId, info: one.key ?? null, idempotencyKey: one.key }
      const range = { limit: 1, offset: one.offset }
      return submitForNext(app, writer(), contributor(one.who), run, range, 'request')
    }
    case 'leave':
      return leaveTasks(
        app,
        writer(),
        project.id,
        contributor(one.who),
        one.tasks.map((n) => taskOf(n).id),
      )
    case 'renew':
      return renewTasks(
        app,
        writer(),
        project.id,
        contributor(one.who),
        one.tasks.map((n) => taskOf(n).id),
      )
    case 'undo':
      return undoLast(project, contributor(one.who))
    case 'redundancy':
      return changeTask(project, taskOf(one.task).id, { nAnswers: one.nAnswers })
    case 'calibration':
      return changeTask(project, taskOf(one.task).id, { calibration: one.calibration, expectedInfo: 'first' })
    case 'scheduler':
      return changeScheduler(app, writer(), owner, project, one.scheduler, { caller: 'api' })
    case 'reorder':
      return reorderProject(writer, project.id)
    case 'rule':
      return changeRules(site.app, writer(), owner, project, 'all', one.change, {
        dryRun: one.dryRun,
        caller: 'api',
      })
    case 'expire':
      return rowsOf(site, `update lease set expires = now() - interval '1 s' where project_id = $1`, [
        project.id,
      ])
    case 'sweep':
      return sweepLeases(writer())
    case 'fold':
      return foldTotals(writer())
  }
}

async function changeTask(project: Project, taskId: number, changes: TaskChanges): Promise<void> {
  await updateTask(writer(), owner, project, await getTask(writer(), taskId), changes)
}

/** Takes the last answer back, whichever that is by then. */
async function undoLast({ id }: Project, contributor: ContributorKey): Promise<void> {
  const [last] = await rowsOf<{ id: number }>(
    site,
    `select r.id from task_run r join contributor c on c.id = r.contributor_id
      where r.project_id = $1 and c.external_uid = $2 and r.withdrawn is null order by r.id desc limit 1`,
    [id, contributor.kind === 'external' ? contributor.externalUid : ''],
  )
  if (last) await withdrawTaskRun(site.app, writer(), id, contributor, last.id)
}

interface TaskFacts {
  state: string
  wanted: number
  scheduled: number
  nRuns: number
  nTaken: number
  nExtra: number
  open: boolean
  done: boolean
  counted: number
  extra: number
  places: number
  currentResults: number
  results: number
  completions: number
  calibrates: boolean
  orderIsRight: boolean
}

async function factsOf({ project }: World): Promise<TaskFacts[]> {
  return rowsOf<TaskFacts>(
    site,
    `select t.state, t.n_answers as wanted, s.n_answers as scheduled, s.n_runs as "nRuns", s.n_taken as "nTaken",
            s.n_extra as "nExtra", s.open, s.done_by is not null as done, t.calibration <> 0 as calibrates,
            s.calibrates = (t.calibration <> 0) and s.nprio = -t.priority_0::real
              and s.ord = order_key_v1(s.sched, t.id, s.n_taken) as "orderIsRight",
            (select count(*)::int from task_run r where r.task_id = t.id and r.counted and r.withdrawn is null) as counted,
            (select count(*)::int from task_run r where r.task_id = t.id and not r.counted and r.withdrawn is null) as extra,
            (select count(*)::int from lease l where l.task_id = t.id and l.holds_place) as places,
            (select count(*)::int from result x where x.task_id = t.id and x.last_version) as "currentResults",
            (select count(*)::int from result x where x.task_id = t.id) as results,
            (select count(*)::int from outbox o where o.job = 'note-task-completed'
                and (o.payload ->> 'taskId')::bigint = t.id) as completions
       from task t join task_sched s on s.task_id = t.id where t.project_id = $1 order by t.id`,
    [project.id],
  )
}

function assertSound(facts: TaskFacts): void {
  const { nRuns, nTaken, wanted, counted, places, calibrates } = facts
  assert.ok(nRuns <= nTaken && nTaken <= (calibrates ? 0 : wanted))
  const completed = nRuns === wanted
  assert.deepEqual(facts, {
    ...facts,
    scheduled: wanted,
    nRuns: counted,
    nTaken: counted + places,
    nExtra: facts.extra,
    state: completed ? 'completed' : 'ongoing',
    done: completed,
    open: !calibrates && nTaken < wanted,
    orderIsRight: true,
    currentResults: completed ? 1 : 0,
  })
  assert.ok((completed ? 1 : 0) <= facts.completions && facts.completions <= facts.results)
}

async function assertTotals(world: World, facts: TaskFacts[]): Promise<void> {
  await waitForReplica()
  const sum = (of: (one: TaskFacts) => number) => facts.reduce((total, one) => total + of(one), 0)
  const totals = await getTotals(writer(), world.project.id)
  assert.deepEqual(totals, {
    ...totals,
    nTasks: sum(({ calibrates }) => Number(!calibrates)),
    nCalibrationTasks: sum(({ calibrates }) => Number(calibrates)),
    nWanted: sum(({ wanted, calibrates }) => (calibrates ? 0 : wanted)),
    nCompletedTasks: sum(({ done }) => Number(done)),
    nTaskRuns: sum(({ counted }) => counted),
    nExtra: sum(({ extra, calibrates }) => (calibrates ? 0 : extra)),
  })
  const wrong = await rowsOf(
    site,
    `select contributor_id from contributor_project c where project_id = $1 and n_runs <> (
       select count(*) from task_run r where r.project_id = $1 and r.contributor_id = c.contributor_id
          and r.withdrawn is null)`,
    [world.project.id],
  )
  assert.deepEqual(wrong, [])
}

/** What operators ask agrees, also where it looks at more than this test does. */
async function assertChecked({ project }: World): Promise<void> {
  await waitForReplica()
  const options = { only: String(project.id), repair: false }
  for await (const report of checkProjects(site.app, writer, options)) assert.ok(agrees(report))
}

test('whatever people and owners do at once, counters equal rows and no task gets more than it wants', async (t) => {
  t.diagnostic(`SEED=${SEED} PROGRAMS=${PROGRAMS}`)
  await fc.assert(
    fc.asyncProperty(program, async (batches) => {
      const world = await newWorld()
      for (const batch of batches) {
        await Promise.all(batch.map((one) => take(world, one)))
        const facts = await factsOf(world)
        facts.forEach(assertSound)
        await assertTotals(world, facts)
      }
      await assertChecked(world)
    }),
    { seed: SEED, numRuns: PROGRAMS, endOnFailure: PROGRAMS <= 40 },
  )
})

test('people who only answer finish everything exactly, however their requests interleave', async (t) => {
  t.diagnostic(`SEED=${SEED} PROGRAMS=${PROGRAMS}`)
  const circle = fc.array(fc.array(who, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(circle, async (rounds) => {
      const world = await newWorld()
      for (const round of rounds) await Promise.all(round.map((n) => answerOne(world, n)))
      for (let n = 0; n < N_CONTRIBUTORS; n += 1) {
        while ((await answerOne(world, n)) !== undefined);
      }
      for (const facts of await factsOf(world)) {
        assertSound(facts)
        assert.deepEqual([facts.counted, facts.extra, facts.state], [2, 0, 'completed'])
      }
    }),
    { seed: SEED, numRuns: Math.ceil(PROGRAMS / 3), endOnFailure: PROGRAMS <= 40 },
  )
})

async function answerOne(world: World, n: number): Promise<number | undefined> {
  const { project, taskIds } = world
  const externalUid = `c${n}`
  const [found] = await newTask(
    site.app,
    writer(),
    project,
    { kind: 'external', projectId: project.id, externalUid },
    { limit: 1, offset: 0 },
  )
  if (!found) return undefined
  await take(world, { do: 'submit', who: n, task: taskIds.indexOf(found.id), key: undefined })
  return found.id
}
