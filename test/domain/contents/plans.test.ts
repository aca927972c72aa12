import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { CONTENT_TABLES } from '../../../src/domain/contents/content-repository.ts'
import { favouriteList } from '../../../src/domain/tasks/favourite-repository.ts'
import { listRows } from '../../../src/platform/list-store.ts'
import type { ListQuery, ListSource } from '../../../src/platform/list-store.ts'
import type { DB } from '../../../src/platform/schema.ts'
import { startTestApp } from '../../support/app.ts'
import { untilFileEnds } from '../../support/file-ending.ts'

/** What a page of 20 may touch, in blocks of 8 kB. */
const BLOCKS_MAX = 400

const ending = untilFileEnds()
// First, because endings run in the order in which they are registered: connections end before their database does.
ending.after(() => pool.end())

const site = await startTestApp(ending)
const owner = await site.user()
const few = await site.user()
const pool = new pg.Pool({ connectionString: site.env['DATABASE_DIRECT_URL'] ?? '' })

/** The statements that listRows sends, with their values. */
const asked: { sql: string; parameters: readonly unknown[] }[] = []
const db = new Kysely<DB>({
  dialect: new PostgresDialect({ pool }),
  log({ query }) {
    asked.push(query)
  },
})

interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Shared Hit Blocks': number
  'Shared Read Blocks': number
  Plans?: PlanNode[]
}

/** How a list comes about. */
async function planOf(source: ListSource, query: Partial<ListQuery>): Promise<PlanNode> {
  const page = { filters: [], orderBy: 'id', desc: false, limit: 20, offset: 0, readableBy: undefined }
  await listRows(db, source, { ...page, ...query })
  // The last one that makes a page: around it stand a transaction and its time limit.
  const { sql, parameters } = asked.findLast((one) => one.sql.includes(' offset ')) ?? {
    sql: '',
    parameters: [],
  }
  const { rows } = await pool.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
    `explain (analyze, buffers, format json) ${sql}`,
    [...parameters],
  )
  const [row] = rows
  assert.ok(row)
  return row['QUERY PLAN'][0].Plan
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)]
}

async function assertIndexed(source: ListSource, table: string, query: Partial<ListQuery>): Promise<void> {
  const plan = await planOf(source, query)
  const scanned = nodesOf(plan).filter(
    (node) => node['Node Type'] === 'Seq Scan' && node['Relation Name'] === table,
  )
  const said = `${table} ${JSON.stringify(query)}`
  assert.equal(scanned.length, 0, said)
  const blocks = plan['Shared Hit Blocks'] + plan['Shared Read Blocks']
  assert.ok(blocks <= BLOCKS_MAX, `${said}: ${blocks} blocks`)
}

/** 500 projects, the last of another owner, and one with most of the rows. */
async function fill(): Promise<{ large: number; small: number }> {
  const { rows } = await pool.query<{ id: number }>(
    `insert into project (name, short_name, description, owner_id, category_id, secret_key_sealed, published)
     select 'p' || n, 'p' || n, 'x', case when n = 500 then $2::bigint else $1::bigint end, 1, 'x', n % 10 <> 0
       from generate_series(1, 500) n returning id`,
    [owner.id, few.id],
  )
  await pool.query('insert into project_owner (project_id, user_id) select id, owner_id from project')
  const values: Record<string, string> = {
    blogpost: `(project_id, user_id, title, body, published) select p, ${owner.id}, 't', 'b', n % 2 = 0`,
    helping_material: '(project_id) select p',
    project_page: `(project_id, slug) select p, 's'`,
    task: `(project_id, fav_user_ids) select p, case when n = 1 and p % 5 = 0 then array[${owner.id}::bigint] end`,
  }
  const [large = 0, small = 0] = [rows[0]?.id, rows.at(-1)?.id].map(Number)
  for (const [table, columns] of Object.entries(values)) {
    await pool.query(
      `insert into ${table} ${columns} from generate_series(1, 20000) n, (select ${large} as p) x`,
    )
    await pool.query(
      `insert into ${table} ${columns} from generate_series(1, 20) n, (select id as p from project) x`,
    )
    await pool.query(`vacuum (analyze) ${table}`)
  }
  await pool.query('vacuum (analyze) project, project_owner')
  return { large, small }
}

test('every page of a list comes by an index, whatever it holds besides', async () => {
  const { large, small } = await fill()
  const ofProject = (id: number) => ({ filters: [{ field: 'projectId', values: [String(id)] }] })
  for (const noun of ['blogpost', 'helping_material', 'project_page'] as const) {
    const source = CONTENT_TABLES[noun]
    for (const query of [
      {},
      { desc: true },
      ofProject(small),
      ofProject(large),
      { ...ofProject(large), lastId: 15_000 },
      { ...ofProject(large), readableBy: owner.id },
      { ownerId: few.id, readableBy: few.id },
      { ownerId: owner.id, readableBy: owner.id },
    ])
      await assertIndexed(source, noun, query)
  }
  await assertIndexed(favouriteList(owner.id), 'task', { readableBy: owner.id })
  await assertIndexed(favouriteList(few.id), 'task', { readableBy: few.id })
})
