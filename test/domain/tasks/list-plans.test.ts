import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { before, test } from 'node:test'
import type { TestContext } from 'node:test'
import pg from 'pg'
import { by } from '../../support/api.ts'
import type { Body } from '../../support/api.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestApp, TestUser } from '../../support/app.ts'
import { draftProject, publishedProject, rowsOf } from '../../support/builders.ts'
import { queriesPage, readablePaths, tablesOf } from '../../support/queries.ts'
import type { PlanNode, PlannedStatement } from '../../support/queries.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'
import { captureStatements } from '../../support/statements.ts'
import type { Statement } from '../../support/statements.ts'

/** Tasks of the project that is listed, and of a draft that was filled before it. */
const TASKS = Number(process.env['TASKS'] ?? 20_000)
/** Of each task. */
const RUNS = Number(process.env['RUNS'] ?? 1)
/** What a page of at most 100 objects may touch, in blocks of 8 kB, however large the project. */
const BLOCKS = 1_200

const ending = untilFileEnds()
let site: TestApp
let owner: TestUser
let small: TestUser
let direct: pg.Client
let ids: { large: number; small: number; lastTask: number; lastRun: number }

ending.after(() => direct.end())

before(async () => {
  site = await startTestApp(ending)
  ;[owner, small] = [await site.user(), await site.user()]
  const draft = await draftProject(site, owner)
  const large = await publishedProject(site, owner)
  const other = await publishedProject(site, small, { tasks: 5 })
  direct = new pg.Client({ connectionString: site.env['DATABASE_DIRECT_URL'] ?? '' })
  await direct.connect()
  await direct.query('alter table task_run drop constraint task_run_contributor_id_fkey')
  // Filling indexed tables row by row would be most of this test's time.
  const { rows: indexes } = await direct.query<{ name: string; made: string }>(
    `select indexname as name, indexdef as made from pg_indexes where indexname = 'task_content'`,
  )
  for (const { name } of indexes) await direct.query(`drop index ${name}`)
  for (const { id } of [draft, large]) await fill(id)
  for (const { made } of indexes) await direct.query(made)
  await direct.query('vacuum analyze')
  await waitForReplica()
  const [figures] = await rowsOf<{ last: number; run: number }>(
    site,
    `select max(id) as last, (select max(id) from task_run) as run from task where project_id = $1`,
    [large.id],
  )
  ids = { large: large.id, small: other.id, lastTask: figures?.last ?? 0, lastRun: figures?.run ?? 0 }
})

/** As many tasks, each with a run and a result, minute after minute; one in a thousand is still to be done. */
async function fill(projectId: number): Promise<void> {
  await direct.query(
    `insert into task (project_id, state, n_answers, priority_0, calibration, fav_user_ids, info, created)
     select $1, case when n % 1000 = 0 then 'ongoing' else 'completed' end, 1, random(), (n % 7000 = 0)::int,
            case when n % 1000 = 7 then array[n] end,
            jsonb_build_object('picture', 'https://example.org/' || n || '.jpg', 'n', n, 'place',
                               case when n % 5000 = 1 then 'lighthouse at night' else 'harbour by day' end),
            '2026-01-01'::timestamptz + n * interval '1 minute'
       from generate_series(1, $2::int) n`,
    [projectId, TASKS],
  )
  await direct.query(
    `insert into task_sched (task_id, project_id, n_answers, n_runs, n_taken, open, done_by)
     select id, project_id, 1, (state = 'completed')::int, (state = 'completed')::int, state = 'ongoing',
            case when state = 'completed' then id end
       from task where project_id = $1 on conflict do nothing`,
    [projectId],
  )
  await direct.query(
    `insert into contributor (kind, project_id, external_uid)
     select 'external', $1, 'c' || n from generate_series(1, 1000) n`,
    [projectId],
  )
  await direct.query(`insert into contributor (kind, user_id) values ('user', $1) on conflict do nothing`, [
    small.id,
  ])
  // Two hundred are of somebody with an account: what lists of one person's runs touch grows with these.
  await direct.query(
    `insert into task_run (project_id, task_id, contributor_id, created, finish_time, info, counted)
     select $1, t.id, case when t.id % ($3::int / 200) = 0 and n = 1
                           then (select id from contributor where user_id = $2)
                           else c.first + (t.id + n - 1) % 1000 end, t.created, t.created, '{"answer": "Yes"}', true
       from task t, (select min(id) as first from contributor where project_id = $1) c, generate_series(1, $4::int) n
      where t.project_id = $1 order by t.id, n`,
    [projectId, small.id, TASKS, RUNS],
  )
  await direct.query(
    `insert into result (project_id, task_id, task_run_ids, created)
     select project_id, task_id, array_agg(id), max(finish_time) from task_run where project_id = $1
      group by project_id, task_id order by task_id`,
    [projectId],
  )
}

/** The statements that a request to the API makes of the database. */
async function statementsOf(path: string, user: TestUser | undefined): Promise<Statement[]> {
  const statements = await captureStatements(async () => {
    const request = site.http.get(`/api/${path}`)
    const response = await (user ? by(user, request) : request).expect(200)
    assert.ok((response.body as Body[]).length > 0, `${path} finds nothing, so nothing is measured`)
  })
  return statements.filter(({ text }) => /^\s*(select|with)/.test(text))
}

interface MeasuredNode extends PlanNode {
  'Shared Hit Blocks': number
  'Shared Read Blocks': number
}

const LARGE_TABLES = new Set(['task', 'task_sched', 'task_run', 'result', 'contributor'])

/** What a list touches; that it reads no large table from end to end is asserted. */
async function blocksOf(path: string, user?: TestUser): Promise<number> {
  let blocks = 0
  for (const { text, values } of await statementsOf(path, user)) {
    const { rows } = await direct.query<{ 'QUERY PLAN': [{ Plan: MeasuredNode }] }>(
      `explain (analyze, buffers, format json) ${text}`,
      values,
    )
    const plan = rows[0]?.['QUERY PLAN'][0].Plan
    assert.ok(plan)
    blocks += plan['Shared Hit Blocks'] + plan['Shared Read Blocks']
    const scanned = scansOf(plan)
    assert.deepEqual(scanned, [], `${path} reads whole tables:\n${JSON.stringify(plan, undefined, 1)}`)
  }
  return blocks
}

const isLarge = (table: string) => LARGE_TABLES.has(table)

function scansOf(node: PlanNode, counts = isLarge): string[] {
  const table = node['Relation Name'] ?? ''
  const own = node['Node Type'] === 'Seq Scan' && counts(table) ? [table] : []
  return [...own, ...(node.Plans ?? []).flatMap((below) => scansOf(below, counts))]
}

async function check(t: TestContext, path: string, user?: TestUser): Promise<number> {
  const blocks = await blocksOf(path, user)
  t.diagnostic(`${path}: ${blocks} blocks`)
  assert.ok(blocks < BLOCKS, `${path} touches ${blocks} blocks`)
  return blocks
}

test('every list finds its page by an index', async (t) => {
  const p = `project_id=${ids.large}`
  for (const path of [
    'task?limit=100',
    `task?${p}`,
    `task?${p}&orderby=id&desc=true&limit=100`,
    `task?${p}&limit=100&offset=500`,
    `task?project_id=${ids.small},${ids.large}&limit=100`,
    `task?${p}&state=ongoing`,
    `task?${p}&state=completed&desc=true`,
    `task?id=${ids.lastTask}`,
    `task?${p}&created=2026-01-02`,
    `task?${p}&created=2026-01-02T1`,
    `task?${p}&orderby=created&desc=true`,
    `task?${p}&info=${encodeURIComponent(`{"n":${TASKS / 2}}`)}`,
    `task?${p}&info=n::${TASKS / 2}`,
    `task?info=picture::${encodeURIComponent(`https://example.org/${TASKS}.jpg`)}`,
    `task?${p}&info=place::lighthouse%26night&fulltextsearch=1`,
    `task?${p}&participated=1&external_uid=c1`,
    `task?${p}&orderby=priority_0&desc=true&limit=100`,
    `task?${p}&orderby=priority_0&limit=100`,
    `task?${p}&n_answers=1&limit=100`,
    `task?${p}&fav_user_ids={1007}`,
    `task?fav_user_ids={2007}`,
    `task?${p}&related=1&limit=100`,
    'taskrun?limit=100',
    `taskrun?${p}&orderby=finish_time&desc=true&limit=100`,
    `taskrun?${p}&orderby=finish_time&limit=100`,
    `taskrun?${p}&finish_time=2026-01-02T10`,
    `taskrun?${p}&from_finish_time=2026-01-02T10:00&to_finish_time=2026-01-02T10:30&limit=100`,
    `taskrun?${p}&from_finish_time=2026-01-14&limit=100`,
    `taskrun?${p}&to_finish_time=2026-01-01T00:30&limit=100&desc=true`,
    `taskrun?${p}&orderby=id&desc=true&limit=100`,
    `taskrun?${p}&task_id=${ids.lastTask}&limit=100&offset=0&all=0`,
    `taskrun?task_id=${ids.lastTask}`,
    `taskrun?external_uid=c7`,
    `taskrun?user_id=${small.id}`,
    `taskrun?${p}&external_uid=c7&limit=100`,
    `taskrun?${p}&related=1&limit=100`,
    `result?${p}&limit=100`,
    `result?${p}&related=1&limit=100`,
    `result?task_id=${ids.lastTask}`,
  ])
    await check(t, path)
})

test('lists of own projects do not depend on what others have', async (t) => {
  for (const path of ['task', 'task?desc=true&limit=100', 'task?state=ongoing']) await check(t, path, small)
  const ofOwner = ['task?limit=100', 'taskrun?limit=100', 'result?limit=100', 'task?desc=true']
  for (const path of [...ofOwner, 'task?calibration=1', 'task?orderby=priority_0&desc=true'])
    await check(t, path, owner)
})

test('the last page by last_id costs no more than twice the first', async (t) => {
  for (const [noun, last] of [
    ['task', ids.lastTask],
    ['taskrun', ids.lastRun],
  ] as const) {
    for (const where of [`project_id=${ids.large}&`, '']) {
      const page = (lastId: number) => check(t, `${noun}?${where}limit=100&last_id=${lastId}`)
      const first = await page(0)
      const final = await page(last - 100)
      assert.ok(final <= 2 * first, `${noun}: first page ${first}, last page ${final} blocks`)
    }
  }
})

test('no page and no route of the API reads a growing table from end to end', async (t) => {
  const name = (
    await rowsOf<{ name: string }>(site, 'select short_name as name from project where id = $1', [ids.large])
  )[0]?.name
  const paths = await readablePaths(site, {
    ':shortName': name ?? '',
    ':taskId': String(ids.lastTask),
    ':name': owner.name,
  })
  const made = await captureStatements(async () => {
    for (const path of paths) {
      await owner.http.get(path)
      await site.http.get(path)
    }
  })
  const plans = await plansOf(made)
  const growing = plans.filter(({ plan }) => tablesOf(plan).some((table) => LARGE_TABLES.has(table)))
  assert.ok(growing.length > 30, `${growing.length} statements of ${paths.length} paths`)
  t.diagnostic(`${growing.length} statements on growing tables`)
  const file = process.env['QUERIES']
  if (file !== undefined)
    writeFileSync(file, queriesPage(growing, { tasks: 2 * TASKS, runs: 2 * TASKS * RUNS }))
  const scanning = growing.filter(({ text, plan }) => scansOf(plan).length > 0 && !COUNTS_ALL.test(text))
  assert.deepEqual(
    scanning.map(({ text, plan }) => `${scansOf(plan).join()}: ${text}`),
    [],
  )
  // All other tables are nearly empty here, where no index is worth its while: it must be possible to use one.
  await direct.query('set enable_seqscan = off')
  const others = await plansOf(made)
  await direct.query('reset enable_seqscan')
  const grows = (table: string) => !STAY_SMALL.has(table)
  assert.deepEqual(
    others.flatMap(({ text, plan }) =>
      COUNTS_ALL.test(text) ? [] : scansOf(plan, grows).map((table) => `${table}: ${text}`),
    ),
    [],
  )
})

/** What is folded into totals again and again, and then deleted. */
const STAY_SMALL = new Set(['project_delta'])

/** The figures of the whole site: remembered for everybody, and counted anew in the background (docs/cache.md). */
const COUNTS_ALL = /as "nUsers"/

/** Each statement once, with the plan of the values that it came with first. */
async function plansOf(statements: readonly Statement[]): Promise<PlannedStatement[]> {
  const planned = new Map<string, PlannedStatement>()
  for (const { text, values } of statements) {
    const shape = text.replace(/\$\d+(, \$\d+)*/g, '$n')
    if (planned.has(shape) || !/^\s*(select|with|insert|update|delete)/i.test(text)) continue
    const { rows } = await direct.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      `explain (format json) ${text}`,
      values,
    )
    const plan = rows[0]?.['QUERY PLAN'][0].Plan
    if (plan) planned.set(shape, { text, plan })
  }
  return [...planned.values()]
}
