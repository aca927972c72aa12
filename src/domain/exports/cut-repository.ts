import { sql } from 'kysely'
import type { Db } from '../../platform/postgres.ts'
import { EXPORT_COLUMNS, WIDE_RUN_OBJECT } from './column-repository.ts'
import type { ExportNoun, ExportTable } from './column-repository.ts'
import { literal } from './flat-repository.ts'

/**
 * What a project's rows were at one moment: all that the transactions visible in `cut` had written. With `since`, only
 * what that earlier cut did not show.
 */
export interface Cut {
  readonly projectId: number
  readonly cut: string
  readonly since: string | null
}

/** Rows in key order: those after one id, up to another. */
export interface KeyRange {
  readonly afterId: number
  readonly lastId: number
}

/** The rows that each table's keys are of. */
export const KEY_NOUN: Readonly<Record<ExportTable, ExportNoun>> = {
  task: 'task',
  task_run: 'task_run',
  result: 'result',
  combined: 'task_run',
  wide: 'task',
}

const STORED: Readonly<Record<ExportNoun, string>> = {
  task: 'id, project_id, created, n_answers, priority_0, quorum, calibration, fav_user_ids, info, xid',
  task_run:
    'id, project_id, task_id, contributor_id, created, finish_time, info, timeout, calibration, media_url, presenter_version, xid',
  result: 'id, project_id, task_id, task_run_ids, last_version, info, created, xid',
}

/** Which versions of a row an export shows. */
const SHOWN: Readonly<Record<ExportNoun, string>> = {
  task: 'true',
  task_run: 'withdrawn is null',
  result: 'last_version',
}

function snapshot(cut: string): string {
  return `${literal(cut)}::pg_snapshot`
}

function sees(cut: string, xid: string): string {
  return `pg_visible_in_snapshot(${xid}, ${snapshot(cut)})`
}

type Condition = string

/** Which rows are meant: said of a row as it stands, and of what its versions are found by. */
interface Which {
  readonly rows: Condition
  readonly versions: { readonly key: string; readonly first: string; readonly last: string }
}

function within({ afterId, lastId }: KeyRange): Which {
  return {
    rows: `id > ${afterId} and id <= ${lastId}`,
    versions: { key: 'v.row_id', first: String(afterId + 1), last: String(lastId) },
  }
}

function withId(id: string): Which {
  return { rows: `id = ${id}`, versions: { key: 'v.row_id', first: id, last: id } }
}

/** Of nouns that belong to a task. */
function ofTask(id: string): Which {
  return {
    rows: `task_id = ${id}`,
    versions: { key: `((v.record ->> 'task_id')::bigint)`, first: id, last: id },
  }
}

/** The versions that a cut shows of these rows of a noun. */
function atCut({ projectId, cut }: Cut, noun: ExportNoun, which: Which): string {
  return `(
    select ${STORED[noun]} from ${noun}
     where project_id = ${projectId} and ${SHOWN[noun]} and ${sees(cut, 'xid')} and ${which.rows}
    union all
    ${endedVersions(projectId, cut, noun, which)})`
}

/**
 * Those of them that have been changed or deleted since it was taken. Their order is that of the index that finds them:
 * it is then taken also while nothing is known of what has just been changed in bulk. For the same reason nothing is said
 * of `ended_by` that another index could answer with all that was changed.
 */
function endedVersions(
  projectId: number,
  cut: string,
  noun: ExportNoun,
  { versions: { key, first, last } }: Which,
): string {
  const columns = STORED[noun].replaceAll(/(\w+)/g, 'x.$1')
  return `
    select ${columns} from (
      select v.record from row_version v
       where v.project_id = ${projectId} and v.noun = '${noun}' and ${key} >= ${first} and ${key} <= ${last}
         and ${sees(cut, 'v.xid')} and not ${sees(cut, 'v.ended_by')}
       order by ${key} offset 0) v
     cross join lateral jsonb_populate_record(null::${noun}, v.record) x where ${SHOWN[noun]}`
}

/** A task is completed as long as it has a result. */
function stateAt(projectId: number, cut: string): string {
  const ended = endedVersions(projectId, cut, 'result', ofTask('t.id'))
  return `case when exists (select from result o where o.task_id = t.id and o.last_version and ${sees(cut, 'o.xid')})
                 or exists (${ended}) then 'completed' else 'ongoing' end`
}

const KEY: Readonly<Record<ExportNoun, string>> = { task: 't', task_run: 'r', result: 'o' }

function joined(cut: Cut, table: ExportTable, range: KeyRange): string {
  const these = within(range)
  const state = `cross join lateral (select ${stateAt(cut.projectId, cut.cut)} as task_state) s`
  const contributor = 'join contributor c on c.id = r.contributor_id'
  const runs = atCut(cut, 'task_run', ofTask('t.id'))
  return {
    task: () => `${atCut(cut, 'task', these)} t ${state}`,
    task_run: () => `${atCut(cut, 'task_run', these)} r ${contributor}`,
    result: () => `${atCut(cut, 'result', these)} o`,
    combined: () =>
      `${atCut(cut, 'task_run', these)} r ${contributor}
       left join lateral ${atCut(cut, 'task', withId('r.task_id'))} t on true ${state}`,
    wide: () => `${atCut(cut, 'task', these)} t ${state} cross join lateral (
       select coalesce(jsonb_agg(${WIDE_RUN_OBJECT} order by r.id), '[]') as task_runs from ${runs} r ${contributor}) w`,
  }[table]()
}

/** What a delta leaves out. */
function isNew({ projectId, since }: Cut, table: ExportTable): Condition {
  if (since === null) return 'true'
  const isChanged = `not ${sees(since, `${KEY[KEY_NOUN[table]]}.xid`)}`
  return table === 'task' ? `(${isChanged} or task_state <> ${stateAt(projectId, since)})` : isChanged
}

/**
 * The rows of a range in key order: `key`, then the columns as c0, c1 … in the order of EXPORT_COLUMNS.
 */
export function rowsOf(cut: Cut, table: ExportTable, range: KeyRange): string {
  const columns = EXPORT_COLUMNS[table].map(
    ({ kind, sql: value }, index) => `${kind === 'json' ? fetchedJson(value) : value} as c${index}`,
  )
  return `select ${KEY[KEY_NOUN[table]]}.id as key, ${columns.join(', ')} from ${joined(cut, table, range)}
    where ${isNew(cut, table)} order by 1 offset 0`
}

/** Fetched from where large values are stored once, however often it is looked at. */
function fetchedJson(value: string): string {
  return `coalesce(${value}, 'null') #> '{}'`
}

/**
 * The end of a range that begins after one id and has at most so many rows, and as many old versions; undefined when the
 * rest is no more than that. It is found by indexes alone, whatever the cut shows.
 */
export async function findRangeEnd(
  db: Db,
  { projectId }: Cut,
  table: ExportTable,
  { afterId, limit }: { afterId: number; limit: number },
): Promise<number | undefined> {
  const noun = KEY_NOUN[table]
  const { rows } = await sql<{ id: number | null }>`
    select min(id) as id from (
      (select id from ${sql.table(noun)} where project_id = ${projectId} and id > ${afterId}
        order by id offset ${limit - 1} limit 1)
      union all
      (select row_id from row_version where project_id = ${projectId} and noun = ${noun} and row_id > ${afterId}
        order by row_id offset ${limit - 1} limit 1)) ends`.execute(db)
  return rows[0]?.id ?? undefined
}

export interface ScannedRange {
  readonly n: number
  /** Null when there are no rows. */
  readonly firstId: number | null
  /** Bytes that their JSON takes. */
  readonly bytes: number
  /** Rows with something that is not known yet, at most `STRANGE_MAX`. */
  readonly strangeIds: number[] | null
}

export const STRANGE_MAX = 500

/**
 * Looks at the rows of a range.
 *
 * @param known whether all that a row's JSON columns (c0, c1 …) hold is known; undefined when nobody asks.
 */
export async function scanRange(
  db: Db,
  cut: Cut,
  table: ExportTable,
  { range, known }: { range: KeyRange; known: string | undefined },
): Promise<ScannedRange> {
  const json = EXPORT_COLUMNS[table].flatMap(({ kind, sql: value }, index) =>
    kind === 'json' ? [{ value: known === undefined ? value : fetchedJson(value), name: `c${index}` }] : [],
  )
  const columns = json.map(({ value, name }) => `${value} as ${name}`).join(', ')
  const size = json.map(({ name }) => `coalesce(pg_column_size(${name}), 0)`).join(' + ')
  const strange =
    known === undefined
      ? 'null::bigint[]'
      : `(array_agg(key order by key) filter (where not (${known})))[1:${STRANGE_MAX}]`
  const { rows } = await sql<ScannedRange>`
    select count(*) as n, min(key) as "firstId", coalesce(sum(${sql.raw(size)}), 0)::bigint as bytes,
           ${sql.raw(strange)} as "strangeIds"
      from (select ${sql.raw(`${KEY[KEY_NOUN[table]]}.id as key, ${columns} from ${joined(cut, table, range)}`)}
             where ${sql.raw(isNew(cut, table))} offset 0) chunk`.execute(db)
  const [row] = rows
  if (!row) throw new Error('A scan gave no row')
  return row
}

/** How many rows a table has in a range at a cut. */
export async function countInRange(db: Db, cut: Cut, table: ExportTable, range: KeyRange): Promise<number> {
  const noun = KEY_NOUN[table]
  // What stands beside the rows is looked at where it tells which of them are new.
  const from =
    table === 'task' && cut.since !== null
      ? joined(cut, table, range)
      : `${atCut(cut, noun, within(range))} ${KEY[noun]}`
  const { rows } = await sql<{ n: number }>`
    select count(*) as n from ${sql.raw(from)} where ${sql.raw(isNew(cut, table))}`.execute(db)
  return rows[0]?.n ?? 0
}

/** The end of a range of a noun's keys that has so many old versions; undefined when there are no more than that. */
export async function findVersionsEnd(
  db: Db,
  projectId: number,
  noun: ExportNoun,
  { afterId, limit }: { afterId: number; limit: number },
): Promise<number | undefined> {
  const row = await db
    .selectFrom('row_version')
    .select('row_id as id')
    .where('project_id', '=', projectId)
    .where('noun', '=', noun)
    .where('row_id', '>', afterId)
    .orderBy('row_id')
    .offset(limit - 1)
    .limit(1)
    .executeTakeFirst()
  return row?.id
}

/** Rows of a range that the earlier cut of a delta shows and the later one does not, in key order. */
export async function listDeleted(
  db: Db,
  cut: Cut & { readonly since: string },
  noun: ExportNoun,
  range: KeyRange,
): Promise<number[]> {
  const before = endedVersions(cut.projectId, cut.since, noun, within(range))
  const { rows } = await sql<{ id: number }>`
    select id from (${sql.raw(before)}) b
     where not exists (select from ${sql.raw(atCut(cut, noun, withId('b.id')))} still)
     order by id`.execute(db)
  return rows.map(({ id }) => id)
}

/** Forgets versions that ended that many days ago, at most so many; how many. */
export async function deleteOldVersions(db: Db, days: number, limit: number): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    with gone as (
      delete from row_version where ctid = any (array(
        select ctid from row_version where ended < now() - make_interval(days => ${days}) limit ${limit}))
      returning 1)
    select count(*) as n from gone`.execute(db)
  return rows[0]?.n ?? 0
}
