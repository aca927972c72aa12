import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { sql } from 'kysely'
import pg from 'pg'
import {
  leaveTasks,
  newTask,
  paceLeases,
  renewTasks,
  requestTask,
  submitForNext,
  submitTaskRun,
  sweepLeases,
} from '../../../src/domain/assignment/assignment-service.ts'
import type { ContributorKey } from '../../../src/domain/contributors/contributor-service.ts'
import { BUDGET } from '../../../src/domain/assignment/assignment-repository.ts'
import { changeScheduler, getProject, updateProject } from '../../../src/domain/projects/project-service.ts'
import type { Project, Scheduler } from '../../../src/domain/projects/project-service.ts'
import { carryOut, changeRules, reorderProject } from '../../../src/domain/tasks/rule-service.ts'
import type { RuleChange, RuleOrder } from '../../../src/domain/tasks/rule-service.ts'
import { addTasks, createTask, updateTask } from '../../../src/domain/tasks/task-service.ts'
import type { Tx } from '../../../src/platform/postgres.ts'
import { eventually } from '../../support/jobs.ts'
import { foldTotals } from '../../../src/domain/totals/total-service.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestApp, TestUser } from '../../support/app.ts'
import { publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'

const ending = untilFileEnds()
let site: TestApp
let owner: TestUser

before(async () => {
  site = await startTestApp(ending)
  owner = await site.user()
})

const writer = () => site.app.database.open({ writes: true })

/** A project by a scheduler; its tasks are numbered from 0 in the order of their ids. */
async function scheduled(scheduler: Scheduler, tasks: number, redundancy = 2) {
  const built = await publishedProject(site, owner, { tasks, redundancy })
  const project = await getProject(writer(), owner, built.id)
  await changeScheduler(site.app, writer(), owner, project, scheduler, { caller: 'web' })
  await reorderProject(writer, project.id)
  const numberOf = (id: number) => built.taskIds.indexOf(id)
  return { project, numberOf, taskIds: built.taskIds, ...people(project, numberOf) }
}

function people(project: Project, numberOf: (id: number) => number) {
  const person = (n: number): ContributorKey => ({
    kind: 'external',
    projectId: project.id,
    externalUid: `p${n}`,
  })
  const asks = async (n: number, limit = 1) => {
    const tasks = await newTask(site.app, writer(), project, person(n), { limit, offset: 0 })
    return tasks.map(({ id }) => numberOf(id))
  }
  const submits = (n: number, taskId: number, info = 'Yes') =>
    submitTaskRun(site.app, writer(), person(n), { projectId: project.id, taskId, info }, 'request')
  const answersAll = async (n: number) => {
    const given: number[] = []
    for (;;) {
      const [task] = await newTask(site.app, writer(), project, person(n), { limit: 1, offset: 0 })
      if (!task) return given
      given.push(numberOf(task.id))
      await submits(n, task.id)
    }
  }
  return { person, asks, submits, answersAll }
}

test('depth first fills one task after the other; default and locked are the same', async () => {
  for (const scheduler of ['default', 'depth_first', 'locked'] as const) {
    const { asks } = await scheduled(scheduler, 3)
    assert.deepEqual([await asks(0), await asks(1)], [[0], [0]])
    assert.deepEqual(await asks(2), [1])
  }
})

test('breadth first gives every task its first answer before any gets a second', async () => {
  const { asks, answersAll } = await scheduled('breadth_first', 3)
  assert.deepEqual([await asks(0), await asks(1), await asks(2)], [[0], [1], [2]])
  assert.deepEqual(await asks(3), [0])
  assert.deepEqual(await answersAll(0), [0, 1, 2])
})

test('random starts everybody somewhere else on the same circle, and everybody gets everything', async () => {
  const { asks, answersAll } = await scheduled('random', 50, 40)
  const starts = new Set<number>()
  for (let n = 0; n < 12; n += 1) starts.add((await asks(n))[0] ?? -1)
  assert.ok(starts.size > 6, `12 people began with ${starts.size} different tasks`)
  const [one, two] = [await answersAll(20), await answersAll(21)]
  assert.deepEqual(
    one.toSorted((a, b) => a - b),
    Array.from({ length: 50 }, (_, n) => n),
  )
  const turn = one.indexOf(two[0] ?? -1)
  assert.deepEqual([...one.slice(turn), ...one.slice(0, turn)], two)
})

test('random keeps to the priorities, round and round within each', async () => {
  const { project, taskIds, answersAll } = await scheduled('random', 12, 30)
  const options = { dryRun: false, caller: 'api' } as const
  await changeRules(
    site.app,
    writer(),
    owner,
    project,
    taskIds.slice(6),
    { rule: 'priority', priority: 1 },
    options,
  )
  for (const n of [0, 1, 2]) {
    const given = await answersAll(n)
    assert.equal(given.length, 12)
    assert.ok(
      given.slice(0, 6).every((task) => task >= 6),
      `${given.join()} begins with the urgent ones`,
    )
  }
})

test('who has gone far looks at the front every five minutes, and begins there once in an hour', async () => {
  const { project, taskIds, person, asks, submits } = await scheduled('depth_first', 130)
  const [front = 0, middle = 0] = [taskIds[0], taskIds[80]]
  for (const n of [1, 2])
    for (const id of [front, middle])
      await requestTask(site.app, writer(), { id, projectId: project.id }, person(n))
  const goesOn = async () => {
    const [number = -1] = await asks(0)
    await submits(0, taskIds[number] ?? 0)
    return number
  }
  for (let n = 0; n < 118; n += 1) await goesOn()
  assert.equal(await goesOn(), 120)

  for (const n of [1, 2]) await leaveTasks(site.app, writer(), project.id, person(n), [front, middle])
  assert.equal(await goesOn(), 121)
  const longAgo = (column: string) =>
    rowsOf(
      site,
      `update contributor_project set ${column} = now() - interval '61 minutes' where project_id = $1`,
      [project.id],
    )
  await longAgo('cur_peeked')
  assert.deepEqual([await goesOn(), await goesOn(), await goesOn()], [0, 122, 123])
  await longAgo('cur_reset')
  assert.deepEqual([await goesOn(), await goesOn()], [80, 124])
})

test('depth first all goes on with finished tasks, whose further answers are extra', async () => {
  const { project, answersAll } = await scheduled('depth_first_all', 3, 1)
  assert.deepEqual(await answersAll(0), [0, 1, 2])
  assert.deepEqual(await answersAll(1), [0, 1, 2])
  const rows = await rowsOf<{ counted: boolean; n: number }>(
    site,
    'select counted, count(*)::int as n from task_run where project_id = $1 group by 1 order by 1',
    [project.id],
  )
  assert.deepEqual(rows, [
    { counted: false, n: 3 },
    { counted: true, n: 3 },
  ])
  const events = await rowsOf(
    site,
    `select 1 from outbox where job = 'note-task-completed' and (payload ->> 'projectId')::bigint = $1`,
    [project.id],
  )
  assert.equal(events.length, 3, 'surplus completes nothing again')
})

test('incremental shows what the person before said', async () => {
  const { project, person, submits, taskIds } = await scheduled('incremental', 1)
  const [first] = await newTask(site.app, writer(), project, person(0), { limit: 1, offset: 0 })
  assert.deepEqual(first?.info, { n: 1, last_answer: null })
  await submits(0, taskIds[0] ?? 0, 'A bird')
  const [second] = await newTask(site.app, writer(), project, person(1), { limit: 1, offset: 0 })
  assert.deepEqual(second?.info, { n: 1, last_answer: 'A bird' })
})

test('calibration tasks are mixed in, look like all others, are scored, and finish nothing', async () => {
  const { project, person, submits, taskIds } = await scheduled('default', 40, 1)
  const known: number[] = []
  for (let n = 0; n < 10; n += 1) {
    const task = { info: { n: 100 + n }, calibration: 1, expectedInfo: { kind: 'bird', count: n } }
    known.push((await createTask(writer(), owner, project, task)).id)
  }
  await updateProject(writer(), owner, project, { calibrationRate: 0.5 }, 'api')
  const given: number[] = []
  for (;;) {
    const [task] = await newTask(site.app, writer(), project, person(0), { limit: 1, offset: 0 })
    if (!task) break
    assert.equal(task.calibration, 0)
    assert.ok(!('expectedInfo' in task))
    given.push(task.id)
    await submitForNext(
      site.app,
      writer(),
      person(0),
      { projectId: project.id, taskId: task.id, info: { kind: 'bird', count: 3 } },
      { limit: 1, offset: 0 },
      'request',
    )
  }
  const nKnown = given.filter((id) => known.includes(id)).length
  assert.equal(given.length - nKnown, taskIds.length, 'all of the project itself')
  assert.ok(nKnown > 3, `${nKnown} of 10 calibration tasks were mixed in`)
  const scores = await rowsOf<{ score: number; counted: boolean }>(
    site,
    'select distinct score, counted from task_run where task_id = any ($1) order by score',
    [known],
  )
  assert.ok(scores.every(({ counted }) => !counted))
  assert.ok(scores.every(({ score }) => score === 0.5 || score === 1))
  const [credit] = await rowsOf<{ n: number; scored: number }>(
    site,
    'select n_runs as n, n_scored as scored from contributor_project where project_id = $1',
    [project.id],
  )
  assert.deepEqual(credit, { n: given.length, scored: nKnown })
  await assert.rejects(submits(1, known[0] ?? 0), /request a task first/)
})

test('a scheduler is changed while people work, and everybody still gets everything once', async () => {
  const { project, asks, answersAll } = await scheduled('default', 30, 3)
  await asks(0)
  const work = Promise.all([0, 1, 2].map((n) => answersAll(n)))
  for (const scheduler of ['random', 'breadth_first', 'depth_first'] as const) {
    await changeScheduler(site.app, writer(), owner, project, scheduler, { caller: 'web' })
    await reorderProject(writer, project.id)
  }
  for (const given of await work) assert.equal(new Set(given).size, 30)
})

test('a dry run says what a change would do, and does nothing', async () => {
  const { project, taskIds, asks, submits } = await scheduled('default', 4, 3)
  for (const n of [0, 1]) {
    await asks(n)
    await submits(n, taskIds[0] ?? 0)
  }
  for (const n of [5, 6, 7]) await asks(n)
  const less = { rule: 'redundancy', nAnswers: 1 } as const
  const state = () =>
    rowsOf(
      site,
      'select n_answers, n_runs, n_taken, n_extra, open, done_by from task_sched where project_id = $1 order by task_id',
      [project.id],
    )
  const before_ = await state()
  const tried = await changeRules(site.app, writer(), owner, project, 'all', less, {
    dryRun: true,
    caller: 'web',
  })
  assert.deepEqual(await state(), before_)
  assert.deepEqual(tried, {
    nTasks: 4,
    nClosed: 1,
    nReopened: 0,
    nBecameExtra: 1,
    nBecameCounted: 0,
    nPlacesBack: 2,
    nWithdrawn: 0,
    isQueued: false,
  })
  const done = await changeRules(site.app, writer(), owner, project, 'all', less, {
    dryRun: false,
    caller: 'web',
  })
  assert.deepEqual(done, tried)
  const [change] = await rowsOf<{ attribute: string; after: unknown }>(
    site,
    'select attribute, after from change where project_id = $1 order by id desc limit 1',
    [project.id],
  )
  assert.deepEqual(change, { attribute: 'tasks.redundancy', after: { nAnswers: 1, tasks: 'all' } })
})

test('a dry run says exactly what the change does, whatever the tasks are in, and locks nothing', async () => {
  const { project, taskIds, asks, submits } = await scheduled('default', 8, 2)
  const runIds: number[] = []
  for (const n of [0, 1, 2]) {
    for (const number of await asks(n, 4)) {
      if ((number + n) % 3 > 0) runIds.push((await submits(n, taskIds[number] ?? 0)).id)
    }
  }
  // Leases that ran out, and answers that came too late.
  await rowsOf(site, "update lease set expires = now() - interval '1 second' where project_id = $1", [
    project.id,
  ])
  await sweepLeases(writer())
  for (const n of [3, 4]) await asks(n, 3)
  for (const n of [0, 1, 2])
    for (const taskId of taskIds.slice(0, 6)) await submits(n, taskId).catch(() => undefined)

  const someTasks = taskIds.filter((_, n) => n % 2 === 0)
  const changes: [readonly number[] | 'all', RuleChange][] = [
    ['all', { rule: 'redundancy', nAnswers: 1 }],
    [someTasks, { rule: 'calibration', calibration: 1 }],
    ['all', { rule: 'redundancy', nAnswers: 3 }],
    [someTasks, { rule: 'priority', priority: 0.5 }],
    [someTasks, { rule: 'calibration', calibration: 0 }],
    ['all', { rule: 'state', state: 'completed' }],
    [[], { rule: 'withdraw-runs', runIds: runIds.slice(0, 3) }],
    ['all', { rule: 'state', state: 'ongoing' }],
  ]
  const seen: Record<string, number> = {}
  for (const [tasks, change] of changes) {
    const apply = (dryRun: boolean) =>
      changeRules(site.app, writer(), owner, project, tasks, change, { dryRun, caller: 'web' })
    const tried = await writer().write(async (tx) => {
      await sql`select from task_sched where project_id = ${project.id} for update`.execute(tx)
      return apply(true)
    })
    assert.deepEqual(await apply(false), tried, JSON.stringify(change))
    for (const [key, value] of Object.entries(tried)) seen[key] = (seen[key] ?? 0) + Number(value)
  }
  const { isQueued: _, ...counts } = seen
  assert.ok(
    Object.values(counts).every((count) => count > 0),
    `not all was tried: ${JSON.stringify(counts)}`,
  )
})

test('tasks that are being added while the scheduler changes are in the order of the new one', async (t) => {
  const { project } = await scheduled('default', 3)
  const migrator = new pg.Client({ connectionString: site.env['DATABASE_DIRECT_URL'] ?? '' })
  await migrator.connect()
  t.after(() => migrator.end())
  const newest = async () => {
    const { rows } = await migrator.query<{ id: string }>('select last_value as id from task_id_seq')
    return rows[0]?.id
  }
  const before_ = await newest()
  async function* inputs() {
    // More than one slice of the import; numbers are given out in sight of everybody.
    for (let n = 1; n <= 40; n += 1) yield { info: { n, text: 'x'.repeat(70_000) } }
    await eventually(async () => ((await newest()) === before_ ? undefined : true))
    await changeScheduler(site.app, writer(), owner, project, 'random', { caller: 'web' })
    yield { info: { n: 41 } }
  }
  await writer().write((tx) => addTasks(tx, project.id, inputs()))
  const orders = await rowsOf(
    site,
    `select s.sched, s.ord = hashint8(s.task_id) as fits, count(*)::int as n from task_sched s
      where project_id = $1 and task_id > $2 group by 1, 2`,
    [project.id, before_],
  )
  assert.deepEqual(orders, [{ sched: 'r', fits: true, n: 41 }])
})

test('who asks while the rules of all tasks are changed waits for them, and does not pass all tasks', async () => {
  const { project, asks } = await scheduled('depth_first', 2 * BUDGET)
  let asked: Promise<number[]> | undefined
  await writer().write(async (tx) => {
    await sql`select from task_sched where project_id = ${project.id} for update`.execute(tx)
    asked = asks(0)
    await untilSomebodyWaits(tx)
  })
  assert.deepEqual(await asked, [0])
})

async function untilSomebodyWaits(tx: Tx): Promise<void> {
  await eventually(async () => {
    const { rows } = await sql`
      select from pg_locks where not granted and pid <> pg_backend_pid()
         and pg_backend_pid() = any (pg_blocking_pids(pid))`.execute(tx)
    return rows.length > 0 ? true : undefined
  })
}

test('very many tasks are changed by a worker, all at once', async () => {
  const { project } = await scheduled('default', 1)
  await rowsOf(
    site,
    `with made as (insert into task (project_id, n_answers, info) select $1, 2, '{}' from generate_series(1, 20000)
                   returning id)
     insert into task_sched (task_id, project_id, n_answers) select id, $1, 2 from made`,
    [project.id],
  )
  const change: RuleChange = { rule: 'redundancy', nAnswers: 3 }
  const options = { dryRun: false, caller: 'api' } as const
  const effect = await changeRules(site.app, writer(), owner, project, 'all', change, options)
  assert.deepEqual([effect.isQueued, effect.nTasks], [true, 20_001])
  const wanted = () =>
    rowsOf(
      site,
      'select n_answers as n, count(*)::int as tasks from task_sched where project_id = $1 group by 1',
      [project.id],
    )
  assert.deepEqual(await wanted(), [{ n: 2, tasks: 20_001 }])
  const [order] = await rowsOf<{ payload: RuleOrder }>(
    site,
    "select payload from outbox where job = 'change-rules' and (payload ->> 'projectId')::bigint = $1",
    [project.id],
  )
  assert.ok(order)
  await carryOut(writer(), order.payload)
  assert.deepEqual(await wanted(), [{ n: 3, tasks: 20_001 }])
})

test('the owner withdraws answers: their tasks are open again, and the answers stay as history', async () => {
  const { project, taskIds, asks, submits } = await scheduled('default', 2, 1)
  await asks(0)
  const run = await submits(0, taskIds[0] ?? 0)
  const change: RuleChange = { rule: 'withdraw-runs', runIds: [run.id] }
  const options = { dryRun: false, caller: 'web' } as const
  const effect = await changeRules(site.app, writer(), owner, project, 'all', change, options)
  assert.deepEqual([effect.nWithdrawn, effect.nReopened], [1, 1])
  assert.deepEqual(await asks(1), [0])
  const [kept] = await rowsOf<{ by: string }>(site, 'select withdrawn_by as by from task_run where id = $1', [
    run.id,
  ])
  assert.equal(kept?.by, 'owner')
})

test('a place given back is taken again by an open page while it is free', async () => {
  const { project, person, asks, taskIds } = await scheduled('default', 1, 1)
  await asks(0)
  await rowsOf(site, `update lease set expires = now() - interval '1 s' where project_id = $1`, [project.id])
  await sweepLeases(writer())
  assert.equal(await renewTasks(site.app, writer(), project.id, person(0), taskIds), 1800)
  assert.deepEqual(await asks(1), [])
  assert.deepEqual(await asks(0), [0])
})

test('asking again prolongs a lease of which half has run, and no other', async () => {
  const { project, asks } = await scheduled('default', 2, 1)
  const endsIn = (seconds: number) =>
    rowsOf(site, `update lease set expires = now() + make_interval(secs => $2) where project_id = $1`, [
      project.id,
      seconds,
    ])
  const secondsLeft = async () => {
    const [row] = await rowsOf<{ seconds: number }>(
      site,
      'select round(extract(epoch from expires - now()), -2)::int as seconds from lease where project_id = $1',
      [project.id],
    )
    return row?.seconds
  }
  await asks(0)
  for (const [left, after] of [
    [1000, 1000],
    [800, 1800],
  ] as const) {
    await endsIn(left)
    assert.deepEqual(await asks(0), [0])
    assert.equal(await secondsLeft(), after)
  }
})

test('who leaves and comes back goes on with the same task, whatever the order', async () => {
  for (const scheduler of ['default', 'breadth_first', 'random'] as const) {
    const { project, person, asks, taskIds } = await scheduled(scheduler, 8, 1)
    const [first] = await asks(0, 2)
    await leaveTasks(site.app, writer(), project.id, person(0), taskIds)
    assert.deepEqual(await asks(0), [first], scheduler)
  }
})

test('leases run shorter near the end of a project', async () => {
  const { project, person, asks, submits, taskIds } = await scheduled('default', 3, 2)
  await asks(0)
  await submits(0, taskIds[0] ?? 0)
  await asks(1)
  await foldTotals(writer())
  assert.ok((await paceLeases(writer())) > 0)
  assert.equal(await renewTasks(site.app, writer(), project.id, person(1), taskIds), 120)
  const [longest] = await rowsOf<{ seconds: number }>(
    site,
    'select extract(epoch from max(expires) - now())::int as seconds from lease where project_id = $1',
    [project.id],
  )
  assert.ok(longest && longest.seconds <= 120)
})

test('a calibration flag that changes moves a task out of the project’s figures and back', async () => {
  const { project, asks, submits, taskIds } = await scheduled('default', 2, 1)
  await asks(0)
  await submits(0, taskIds[0] ?? 0)
  const [task] = await rowsOf<{ id: number }>(site, 'select id from task where id = $1', [taskIds[0]])
  assert.ok(task)
  const figures = async () => {
    const [row] = await rowsOf(
      site,
      `select sum(n_tasks)::int as tasks, sum(n_calibration_tasks)::int as calibration, sum(n_task_runs)::int as runs,
              sum(n_completed_tasks)::int as completed
         from (select n_tasks, n_calibration_tasks, n_task_runs, n_completed_tasks from project_delta where project_id = $1
               union all select n_tasks, n_calibration_tasks, n_task_runs, n_completed_tasks from project_total
                where project_id = $1) x`,
      [project.id],
    )
    return row
  }
  const stored = { ...task, projectId: project.id } as Parameters<typeof updateTask>[3]
  await updateTask(writer(), owner, project, stored, { calibration: 1 })
  assert.deepEqual(await figures(), { tasks: 1, calibration: 1, runs: 0, completed: 0 })
  await updateTask(writer(), owner, project, stored, { calibration: 0 })
  assert.deepEqual(await figures(), { tasks: 2, calibration: 0, runs: 1, completed: 1 })
})
