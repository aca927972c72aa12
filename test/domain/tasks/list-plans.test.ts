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
import { distinct, queriesPage, readablePaths, shapeOf, tablesOf } from '../../support/queries.ts'
import type { PlanNode, PlannedStatement } from '../../support/queries.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { fillProjects } from '../../support/large-projects.ts'
import { recordPlans, tellPlans } from '../../support/plans.ts'
import { captureStatements } from '../../support/statements.ts'
import type { Statement } from '../../support/statements.ts'
import { tourOfWrites } from '../../support/writing-tour.ts'
import type { TourTrouble } from '../../support/writing-tour.ts'

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
let partialIndexes: ReadonlySet<string>
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
  await fillProjects(site, [draft.id, large.id], { tasks: TASKS, runs: RUNS, person: small.id })
  const [figures] = await rowsOf<{ last: number; run: number }>(
    site,
    `select max(id) as last, (select max(id) from task_run) as run from task where project_id = $1 and state = 'completed'`,
    [large.id],
  )
  const partial = await rowsOf<{ name: string }>(
    site,
    'select indexrelid::regclass::text as name from pg_index where indpred is not null',
  )
  partialIndexes = new Set(partial.map(({ name }) => name))
  ids = { large: large.id, small: other.id, lastTask: figures?.last ?? 0, lastRun: figures?.run ?? 0 }
})

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

/**
 * Tables that a plan reads from end to end in the order of an index, of which it takes what a filter lets through: as
 * much work as a sequential scan, under another name. An index of few rows only is made to be walked.
 */
function walksOf(node: PlanNode, counts: (table: string) => boolean, isCut = false): string[] {
  const { 'Node Type': type, 'Relation Name': table = '', 'Index Name': index = '' } = node
  const isWalk =
    /^Index (Only )?Scan$/.test(type) &&
    node['Index Cond'] === undefined &&
    !partialIndexes.has(index) &&
    (node.Filter !== undefined || !isCut) &&
    counts(table)
  const below = (node.Plans ?? []).flatMap((inner) =>
    walksOf(inner, counts, type === 'Limit' || (isCut && PASSES_ON.has(type))),
  )
  return isWalk ? [table, ...below] : below
}

/** What asks for no more rows than it gives. */
const PASSES_ON = new Set([
  'Result',
  'Subquery Scan',
  'LockRows',
  'Nested Loop',
  'Append',
  'Merge Append',
  'Incremental Sort',
])

async function check(t: TestContext, path: string, user?: TestUser): Promise<number> {
  const blocks = await blocksOf(path, user)
  t.diagnostic(`${path}: ${blocks} blocks`)
  assert.ok(blocks < BLOCKS, `${path} touches ${blocks} blocks`)
  return blocks
}

/** Lists as clients ask for them. */
function listPaths(): string[] {
  const p = `project_id=${ids.large}`
  return [
    'task?limit=100',
    `task?${p}`,
    `task?${p}&orderby=id&desc=true&limit=100`,
    `task?${p}&limit=100&offset=500`,
    `task?project_id=${ids.small},${ids.large}&limit=100`,
    `task?${p}&state=ongoing`,
    `task?${p}&state=completed&desc=true`,
    `task?id=${ids.lastTask}`,
    `task?${p}&created=2025-01-02`,
    `task?${p}&created=2025-01-02T1`,
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
    `taskrun?${p}&finish_time=2025-01-02T10`,
    `taskrun?${p}&from_finish_time=2025-01-02T10:00&to_finish_time=2025-01-02T10:30&limit=100`,
    `taskrun?${p}&from_finish_time=2025-01-14&limit=100`,
    `taskrun?${p}&to_finish_time=2025-01-01T00:30&limit=100&desc=true`,
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
  ]
}

test('every list finds its page by an index', async (t) => {
  for (const path of listPaths()) await check(t, path)
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

test('nothing that is sent to the database reads a growing table from end to end', async (t) => {
  const name = (
    await rowsOf<{ name: string }>(site, 'select short_name as name from project where id = $1', [ids.large])
  )[0]?.name
  const paths = await readablePaths(site, {
    ':shortName': name ?? '',
    ':taskId': String(ids.lastTask),
    ':name': owner.name,
  })
  const file = process.env['QUERIES']
  // Most tables are nearly empty here, where no index is worth its while: it must be possible to use one, row by row.
  const byIndex = { enable_seqscan: 'off', enable_hashjoin: 'off', enable_mergejoin: 'off' }
  await tellPlans(site, file === undefined ? byIndex : {})
  let told: PlannedStatement[] = []
  let trouble: TourTrouble[] = []
  const sent = await captureStatements(async () => {
    told = await recordPlans(async () => {
      for (const path of [...paths, ...listPaths().map((list) => `/api/${list}`)]) {
        await owner.http.get(path)
        await site.http.get(path)
      }
      trouble = await tourOfWrites(site, owner, ids)
    })
  })
  // With the costs that hosts have.
  const plans = await plansOf(sent)
  const growing = plans.filter(isOfGrowing)
  assert.ok(growing.length > 60, `${growing.length} statements of ${paths.length} paths`)
  const all = distinct([...told, ...growing]).filter(isOfGrowing)
  t.diagnostic(`${all.length} statements on growing tables`)
  if (file !== undefined) {
    const shapes = new Set(plans.map(({ text }) => shapeOf(text)))
    const isSent = ({ text }: PlannedStatement) => shapes.has(shapeOf(text))
    writeFileSync(file, queriesPage(all, isSent, { tasks: 2 * TASKS, runs: 2 * TASKS * RUNS }))
  }
  const grows = (table: string) => (file === undefined ? !STAY_SMALL.has(table) : isLarge(table))
  assert.deepEqual(trouble, [])
  assert.deepEqual([...scanning(growing, isLarge), ...scanning(told, grows)], [])
})

function isOfGrowing({ plan }: PlannedStatement): boolean {
  return tablesOf(plan).some(
    (table) => !STAY_SMALL.has(table) && !BY_HAND.has(table) && !table.startsWith('pg_'),
  )
}

/** Statements that read such tables from end to end though they should not, with the tables. */
function scanning(statements: readonly PlannedStatement[], counts: (table: string) => boolean): string[] {
  const scansIn = ({ text, plan }: PlannedStatement) => {
    const countsHere = (table: string) => counts(table) && !(table === 'contributor' && OF_EXPORTS.test(text))
    const isWalked = (table: string) =>
      countsHere(table) &&
      !BY_HAND.has(table) &&
      (isLarge(table) || !FOUND_WHERE_MANY.some((one) => one.test(text)))
    return [...scansOf(plan, countsHere), ...walksOf(plan, isWalked).map((table) => `walked ${table}`)]
  }
  return distinct(statements.filter((statement) => scansIn(statement).length > 0))
    .filter(({ text }) => !SELDOM.some((one) => one.test(text)))
    .map((statement) => `${scansIn(statement).join()}: ${statement.text}`)
}

/** They look up the people of many thousand task runs at a time: where there are fewer people, all are read for that. */
const OF_EXPORTS = /pg_visible_in_snapshot/

/**
 * What is folded into totals again and again and then deleted, what is there for one transaction, letters to all, and
 * the kinds of errors of the last months.
 */
const STAY_SMALL = new Set(['project_delta', 'task_source', 'newsletter', 'fault'])

/**
 * What people make by hand, themselves or a few for each project, and what there is one of for each: among so few rows here an index that filters is no worse
 * to the planner than one that finds.
 */
const BY_HAND = new Set([
  'user_account',
  'project',
  'project_owner',
  'project_total',
  'project_counted',
  'category',
  'announcement',
  'blogpost',
  'helping_material',
  'project_page',
  'incident',
  'incident_note',
  'export_subscription',
  'import_schedule',
  'schema_migration',
])

/** Walked among the few rows of here; where there are many, an index finds them: named above each. */
const FOUND_WHERE_MANY: readonly RegExp[] = [
  // outbox_failed
  /max\(failed\) as "latest" from "outbox"/,
  // The outbox's own key.
  /delete from outbox o using retired/,
  // webhook_delivery_given_up
  /from "webhook_delivery" where "project_id" = \$\d+ and "given_up" is not null/,
  // mail_suppression_created
  /from "mail_suppression" order by "created" desc/,
  // The key of activity, which begins with the project and the hour.
  /from activity a\s+join contributor c on c.id = a.contributor_id/,
  // activity_hour
  /from activity\s+where hour >= now\(\)/,
  // The keys of both tables.
  /select from task_import i where i.id = last_import_id/,
  /select from task_picture o where o.id = u.object_id/,
]

/** What may read tables whole, because it is seldom done and nobody waits for it. */
const SELDOM: readonly RegExp[] = [
  // The figures of the whole site: remembered for everybody, and counted anew in the background (docs/cache.md).
  /as "nUsers"/,
  // The same as a row of each day, once an hour.
  /insert into site_day/,
  // What is too old, once a night.
  /^delete from "(project_export|session|outbox)"|^delete from resumable_upload/,
  // All that somebody has written here, for a copy of it.
  /'announcements', \(select coalesce/,
]

/** The plan of each statement with the values that it came with first. */
async function plansOf(statements: readonly Statement[]): Promise<PlannedStatement[]> {
  const planned: PlannedStatement[] = []
  for (const { text, values } of distinct(statements)) {
    // A temporary table was there for its own transaction only.
    if (!/^\s*(select|with|insert|update|delete)/i.test(text) || text.includes('pg_temp')) continue
    const { rows } = await direct.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      `explain (format json) ${text}`,
      values,
    )
    const plan = rows[0]?.['QUERY PLAN'][0].Plan
    if (plan) planned.push({ text, plan })
  }
  return planned
}

test('a walk along an index that only filters counts as reading the whole table, and a search does not', async () => {
  const walked = async (text: string) => {
    const { rows } = await direct.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      `explain (format json) ${text}`,
    )
    const plan = rows[0]?.['QUERY PLAN'][0].Plan
    return plan && [...scansOf(plan, () => true), ...walksOf(plan, () => true)]
  }
  await direct.query('set enable_seqscan = off')
  try {
    assert.deepEqual(await walked('select id from task where n_answers = 7 order by id limit 1'), ['task'])
    assert.deepEqual(await walked('select count(*) from lease'), ['lease'])
    assert.deepEqual(await walked('select id from task order by id limit 1'), [])
    assert.deepEqual(
      await walked('select id from task where id > 7 and n_answers = 7 order by id limit 1'),
      [],
    )
    assert.deepEqual(await walked('select id from outbox where id = -1'), [])
  } finally {
    await direct.query('reset enable_seqscan')
  }
})
