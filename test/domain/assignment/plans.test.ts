import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import pg from 'pg'
import { BUDGET } from '../../../src/domain/assignment/assignment-repository.ts'
import { startTestApp } from '../../support/app.ts'
import { publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'

/** What newtask and submit may touch, in blocks of 8 kB, however large the project and however keen the contributor. */
const WITH_CURSOR = 100
const FROM_FRONT = 1_000
const SUBMIT = 100

const SIZES = process.env['NIGHTLY'] ? [1_000, 100_000, 1_000_000] : [1_000, 100_000]
const SCHEDULERS = ['depth_first', 'breadth_first', 'random'] as const
const STAGES = ['begin', 'end'] as const
const EARLIER_RUNS = 20_000
/** The first two fill the connection's caches; from the sixth on PostgreSQL may change to a plan for any values. */
const CALLS = 8
const CALLS_TO_WARM_UP = 2

type Scheduler = (typeof SCHEDULERS)[number]
type Stage = (typeof STAGES)[number]

interface Ids {
  project: number
  /** With EARLIER_RUNS, in this project or in others. */
  keen: number
  /** Have answered as well. */
  others: readonly [number, number]
  /** Nobody has seen them before. */
  fresh: number
}

const ending = untilFileEnds()
let db: pg.Client
let ids: Ids

// First, because endings run in the order in which they are registered: connections end before their database does.
ending.after(() => db.end())

before(async () => {
  const site = await startTestApp(ending)
  const project = await publishedProject(site, await site.user())
  db = new pg.Client({ connectionString: site.env['DATABASE_DIRECT_URL'] ?? '' })
  await db.connect()
  const people = await rowsOf<{ id: number }>(
    site,
    `insert into contributor (kind, project_id, external_uid)
     select 'external', $1, 'c' || n from generate_series(1, 4) n returning id`,
    [project.id],
  )
  const [keen = 0, one = 0, two = 0, fresh = 0] = people.map(({ id }) => id)
  ids = { project: project.id, keen, others: [one, two], fresh }
  // Checking each of a million runs would be most of this test's time.
  await db.query('alter table task_run drop constraint task_run_contributor_id_fkey')
  // A task is completed once, and its block has room for that. Here many calls complete it and are taken back.
  await db.query('alter table task set (fillfactor = 20)')
})

/** As many tasks of two answers each, with ids from 1 on. */
async function fillTasks(size: number): Promise<void> {
  await db.query('truncate task, task_sched, task_run restart identity')
  await db.query(
    `insert into task (project_id, n_answers, info)
     select $1, 2, '{"picture": "https://example.org/1.jpg"}' from generate_series(1, $2)`,
    [ids.project, size],
  )
  await db.query('vacuum (analyze) task')
}

/** How many open tasks the keen person has answered. */
const openAnswered = (size: number, stage: Stage) =>
  stage === 'begin' ? Math.min(EARLIER_RUNS, size * 0.9) : size / 200

/** At the end 99 of 100 tasks are done, spread evenly, and at the begin none. */
const isOpen = (stage: Stage) => (stage === 'begin' ? 'true' : 'id % 100 = 0')

/** What no scheduler looks at: the tasks that are done, and what people have given to other projects. */
async function fillDone(size: number, stage: Stage): Promise<void> {
  const { project, keen, others } = ids
  await db.query('truncate task_sched, task_run, lease, contributor_project, result, outbox, project_delta')
  const left = EARLIER_RUNS - openAnswered(size, stage)
  await db.query(
    `insert into task_run (project_id, task_id, contributor_id, created, counted)
     select $1::bigint, id, case when row_number() over (order by id) <= $2 then $3::bigint else $4::bigint end, now(), true
       from task where not ${isOpen(stage)}
     union all select $1::bigint, id, $5::bigint, now(), true from task where not ${isOpen(stage)} order by 2`,
    [project, left, keen, ...others],
  )
  await db.query(
    `insert into task_run (project_id, task_id, contributor_id, created, counted)
     select 0, 1000000000 + n, $1, now(), true
       from generate_series((select count(*) from task_run where contributor_id = $1) + 1, $2) n`,
    [keen, left],
  )
  await db.query(
    `insert into task_sched (task_id, project_id, n_answers, n_runs, n_taken, open, done_by)
     select id, $1, 2, 2, 2, false, 1 from task where not ${isOpen(stage)} order by id`,
    [project],
  )
}

/**
 * The tasks that are open under a scheduler. The keen person has gone ahead of everybody else and answered the first of
 * their circle: at the begin as many as they can, at the end half of them; the others have one answer each at the end.
 */
async function fillOpen(size: number, scheduler: Scheduler, stage: Stage): Promise<void> {
  const { project, keen, others } = ids
  const isRandom = scheduler === 'random'
  const isEnd = stage === 'end'
  await db.query('truncate lease, contributor_project')
  await db.query(
    'delete from task_run where task_id in (select task_id from task_sched where done_by is null)',
  )
  await db.query('delete from task_sched where done_by is null')
  await db.query('update project set scheduler = $2 where id = $1', [project, scheduler])
  await db.query('drop table if exists walk')
  await db.query(
    `create temporary table walk as
     with keyed as (
       select id as task_id, case when $1 then order_key_v1('r', id, 0) else 0 end as key,
              $1 and order_key_v1('r', id, 0) < greatest(hashint8($2::bigint * 1000003 + $3), -2147483647) as lap
         from task where ${isOpen(stage)})
     select task_id, lap, row_number() over (order by lap, key, task_id) as nth from keyed`,
    [isRandom, keen, project],
  )
  const answered = openAnswered(size, stage)
  await db.query(
    `insert into task_run (project_id, task_id, contributor_id, created, counted)
     select $1, task_id, case when nth <= $2 then $3::bigint else $4::bigint end, now(), true from walk
      where nth <= $2 or $5::boolean order by task_id`,
    [project, answered, keen, others[0], isEnd],
  )
  await db.query(
    `insert into task_sched (task_id, project_id, n_answers, sched, n_runs, n_taken, ord)
     select task_id, $1, 2, k, n, n, order_key_v1(k, task_id, n)
       from (select task_id, order_kind_v1($2) as k, (nth <= $3 or $4)::int as n from walk) w order by task_id`,
    [project, scheduler, answered, isEnd],
  )
  // As the keen person's requests have left it: after the last open task they answered.
  await db.query(
    `insert into contributor_project (contributor_id, project_id, n_runs, cur_nprio, cur_ord, cur_task, cur_epoch,
                                      cur_lap, cur_from_front)
     select $1::bigint, $2::bigint, $3::int, 0, case when sched = 'b' and not $4::boolean then 0 else ord end, s.task_id, sched_epoch,
            case when not $5::boolean then 2 when lap then 1 else 0 end, false
       from walk w join task_sched s using (task_id) join project p on p.id = s.project_id where nth = $6`,
    [keen, project, EARLIER_RUNS, isEnd, isRandom, answered],
  )
  await db.query('vacuum (analyze, index_cleanup on) task, task_sched, task_run, lease, contributor_project')
}

interface Touched {
  blocks: number
  /** Of task_run: times it was read from end to end, and rows read of it. */
  scans: number
  rows: number
  /** Tasks that got new entries in the indexes of their table. */
  reindexed: number
}

interface Plan {
  'QUERY PLAN': { Plan: { 'Shared Hit Blocks': number; 'Shared Read Blocks': number } }[]
}

/** The most that one of several equal calls touches, each made in a transaction that is taken back. */
async function worstOf(prepare: () => Promise<unknown>, call: () => Promise<string>): Promise<Touched> {
  const worst = { blocks: 0, scans: 0, rows: 0, reindexed: 0 }
  for (let n = 0; n < CALLS; n += 1) {
    await db.query('begin')
    await prepare()
    const statement = await call()
    const before = await readsOfTaskRun()
    const entriesBefore = await reindexedTasks()
    const { rows } = await db.query<Plan>(`explain (analyze, buffers, format json) ${statement}`)
    const after = await readsOfTaskRun()
    const reindexed = (await reindexedTasks()) - entriesBefore
    await db.query('rollback')
    const plan = rows[0]?.['QUERY PLAN'][0]?.Plan
    assert.ok(plan)
    if (n < CALLS_TO_WARM_UP) continue
    worst.blocks = Math.max(worst.blocks, plan['Shared Hit Blocks'] + plan['Shared Read Blocks'])
    worst.scans = Math.max(worst.scans, after.scans - before.scans)
    worst.rows = Math.max(worst.rows, after.rows - before.rows)
    worst.reindexed = Math.max(worst.reindexed, reindexed)
  }
  return worst
}

async function readsOfTaskRun(): Promise<{ scans: number; rows: number }> {
  const { rows } = await db.query<{ scans: number; rows: number }>(
    `select seq_scan::int as scans, (seq_tup_read + coalesce(idx_tup_fetch, 0))::int as rows
       from pg_stat_xact_user_tables where relname = 'task_run'`,
  )
  return rows[0] ?? { scans: 0, rows: 0 }
}

async function reindexedTasks(): Promise<number> {
  const { rows } = await db.query<{ n: number }>(
    `select (n_tup_upd - n_tup_hot_upd)::int as n from pg_stat_xact_user_tables where relname = 'task'`,
  )
  return rows[0]?.n ?? 0
}

const newtask = (who: number) => `select * from newtask_v2(${ids.project}, ${who}, 1, 0, ${BUDGET})`

async function firstTask(who: number): Promise<string> {
  const { rows } = await db.query<{ task_ids: string[] }>(newtask(who))
  const task = rows[0]?.task_ids[0]
  assert.ok(task !== undefined, 'nothing is handed out, so nothing is measured')
  return task
}

function submit(who: number, task: string): string {
  const info = `'{"answer": "Yes", "boxes": [[1, 2, 3, 4]]}'`
  return `select * from submit_v2(${ids.project}, ${task}, ${who}, false, ${info}, 'key', null, null, null, null, 'request')`
}

for (const size of SIZES) {
  test(`newtask and submit touch few blocks with ${size} tasks`, async (t) => {
    await fillTasks(size)
    for (const stage of STAGES) {
      for (const scheduler of SCHEDULERS) {
        if (stage === 'begin' || scheduler === SCHEDULERS[0]) await fillDone(size, stage)
        await fillOpen(size, scheduler, stage)
        for (const name of ['fresh', 'keen'] as const) {
          const what = `${scheduler}, ${stage}, ${name}`
          t.diagnostic(`${what}: ${await check(what, ids[name])}`)
        }
      }
    }
  })
}

async function check(what: string, who: number): Promise<string> {
  const cursor = await worstOf(
    async () => db.query(submit(who, await firstTask(who))),
    () => Promise.resolve(newtask(who)),
  )
  const longAgo = (column: string) =>
    db.query(
      `update contributor_project set ${column} = now() - interval '2 hours' where contributor_id = ${who}`,
    )
  const peeking = await worstOf(
    () => longAgo('cur_peeked'),
    () => Promise.resolve(newtask(who)),
  )
  const front = await worstOf(
    () => longAgo('cur_reset'),
    () => Promise.resolve(newtask(who)),
  )
  const submitted = await worstOf(
    () => Promise.resolve(),
    async () => submit(who, await firstTask(who)),
  )
  assert.ok(cursor.blocks < WITH_CURSOR, `${what}: newtask touches ${cursor.blocks}`)
  assert.ok(
    peeking.blocks < FROM_FRONT,
    `${what}: newtask with a look at the front touches ${peeking.blocks}`,
  )
  assert.ok(front.blocks < FROM_FRONT, `${what}: newtask from the front touches ${front.blocks}`)
  assert.ok(submitted.blocks < SUBMIT, `${what}: submit touches ${submitted.blocks}`)
  // Completing a task would else write all words of its content into an index once more.
  assert.equal(submitted.reindexed, 0, `${what}: submit gave a task new entries in indexes`)
  for (const { scans, rows } of [cursor, peeking, front, submitted]) {
    assert.equal(scans, 0, `${what}: all task runs were read`)
    assert.ok(rows <= 2 * BUDGET, `${what}: ${rows} task runs were read`)
  }
  return `newtask ${cursor.blocks}, with a look at the front ${peeking.blocks}, from the front ${front.blocks}, submit ${submitted.blocks}`
}
