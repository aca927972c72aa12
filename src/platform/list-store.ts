import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import { AppError, InvalidError } from '../lib/errors.ts'
import {
  fieldOf,
  idsWith,
  projectConditions,
  rowConditions,
  textMarks,
  wholeTime,
} from './list-condition-store.ts'
import { RELATED_BYTES_MAX } from './list-query.ts'
import type { ListFilter, ListQuery, ListSource, ListedField } from './list-query.ts'
import { sqlState } from './postgres.ts'
import type { Db } from './postgres.ts'

export { RELATED_MAX, byId, byIds, fieldsAsked } from './list-query.ts'
export type { InfoPair, ListFilter, ListQuery, ListSource, ListedField } from './list-query.ts'

/** What a list may take: an answer within two seconds, or a clear refusal. */
const LIST_MS = 1_800

/** Looking into so many parts one by one costs little; with more, most rows are in one that may be seen. */
const PARTS_MAX = 200

/**
 * A page of rows, each a record of the source's fields; a row's type names only such fields.
 *
 * @throws AppError unavailable when it takes too long; InvalidError for a full-text query that cannot be read.
 */
export async function listRows<Row = Record<string, unknown>>(
  db: Db,
  source: ListSource & { readonly fields: Readonly<Record<keyof Row & string, ListedField>> },
  query: ListQuery,
): Promise<Row[]> {
  try {
    return await inTime(db, async (timed) => {
      const parts = await partsOf(timed, source, query)
      const list = parts ? listByParts(source, query, parts) : listAtOnce(source, query)
      return (await sql<Row>`${withShared(source, query, list)}`.execute(timed)).rows
    })
  } catch (error) {
    throw explained(error)
  }
}

/**
 * All rows that a query by ids finds, for callers who may see them. Their contents leave the database only when they fit
 * into one answer.
 *
 * @throws InvalidError when they do not.
 */
export async function listRelated(
  db: Db,
  source: ListSource,
  query: ListQuery,
): Promise<Record<string, unknown>[]> {
  const info = fieldOf(source, 'info')
  const bytes = `sum(pg_column_size(${info.sql})) over ()`
  const fitting = { ...info, sql: `case when ${bytes} <= ${RELATED_BYTES_MAX} then ${info.sql} end` }
  const size = { sql: `(${bytes})::float8`, type: 'number' } as const
  const rows = await listRows(db, { ...source, fields: { ...source.fields, info: fitting, size } }, query)
  if (Number(rows[0]?.['size'] ?? 0) > RELATED_BYTES_MAX)
    throw new InvalidError('The related objects are too large for one answer: ask for fewer by limit')
  return rows
}

/** Runs a read under a time limit of its own: that of the role is made for exports. */
async function inTime<T>(db: Db, read: (timed: Db) => Promise<T>): Promise<T> {
  const limited = async (tx: Db) => {
    await sql`select set_config('statement_timeout', ${String(LIST_MS)}, true)`.execute(tx)
    return read(tx)
  }
  return db.isTransaction ? limited(db) : db.transaction().execute(limited)
}

function explained(error: unknown): unknown {
  if (sqlState(error) === '57014') {
    const advice =
      'Filter by project_id, page by last_id, or leave out the filter or order that no index serves.'
    return new AppError('unavailable', `This list takes too long. ${advice}`, { cause: error })
  }
  const isWords = sqlState(error) === '42601' && error instanceof Error && error.message.includes('tsquery')
  return isWords ? new InvalidError(`The full-text query cannot be read: ${error.message}`) : error
}

/** What a list looks into, one after the other: all rows with a certain value of a column, which an index has in order. */
interface Parts {
  readonly column: string
  readonly ids: readonly number[]
  /** The filter that they stand for: beside them it would keep the database from reading in order. */
  readonly instead?: ListFilter | undefined
}

/**
 * The projects that a list looks into, so that it finds its page in each by index, whatever lies beside; or the rows of
 * another table that a filter names. Undefined when an index finds its rows anyway, or there are too many of these.
 */
async function partsOf(db: Db, source: ListSource, query: ListQuery): Promise<Parts | undefined> {
  const lookedUp = query.filters.find(({ field }) => fieldOf(source, field).lookup)
  const field = lookedUp && fieldOf(source, lookedUp.field)
  if (field?.lookup) {
    const parts = await within(db, field.lookup.column, idsWith(field, lookedUp?.values[0] ?? ''))
    return parts && { ...parts, instead: lookedUp }
  }
  const indexed = query.filters.some((filter) => fieldOf(source, filter.field).isIndexed)
  if (!source.isByProject || indexed || asksForContent(source, query)) return undefined
  const conditions = projectConditions(source, query, sql`p.id`)
  return within(db, source.projectId ?? '', sql`select p.id from project p where ${all(conditions)}`)
}

async function within(db: Db, column: string, ids: RawBuilder<unknown>): Promise<Parts | undefined> {
  const { rows } = await sql<{ id: number }>`${ids} limit ${PARTS_MAX + 1}`.execute(db)
  return rows.length > PARTS_MAX ? undefined : { column, ids: rows.map(({ id }) => id) }
}

/** Whether the rows are found by what they hold: in the index of that, not in the order of their ids. */
function asksForContent(source: ListSource, { pairs }: ListQuery): boolean {
  return pairs !== undefined && fieldOf(source, pairs.field).isIndexed === true
}

function listByParts(
  source: ListSource,
  query: ListQuery,
  { column, ids, instead }: Parts,
): RawBuilder<unknown> {
  const names = [...fieldsOfPage(source).map(([name]) => name), ...wordNames(query)]
  const rest = { ...query, filters: query.filters.filter((filter) => filter !== instead) }
  const more = column === source.projectId ? idBounds(source, query) : projectsOf(source, query)
  const conditions = [sql`${sql.raw(column)} = part.id`, ...rowConditions(source, rest), ...more]
  const order = orderOf(source, query)
  const keys = order.map(({ key }, n) => sql`${key} as ${sql.raw(`order_${n}`)}`)
  const outer = order.map((one, n) => ({ ...one, key: sql.raw(`found.order_${n}`) }))
  const { limit, offset } = rangeOf(query)
  return sql`
    select ${sql.raw(names.map((name) => `found."${name}"`).join(', '))}
      from unnest(${[...ids]}::bigint[]) as part (id) cross join lateral (
        select ${selection(source, query)}, ${sql.join(keys)} from ${sql.raw(source.from)}
         where ${all(conditions)} order by ${ordered(order)} limit ${limit + offset}) found
     order by ${ordered(outer)} limit ${limit} offset ${offset}`
}

/**
 * Where the rows of a part within a range of times begin and end, for a list in the order of their ids: else it would
 * walk past all rows before.
 */
function idBounds(source: ListSource, { ranges = [], orderBy }: ListQuery): RawBuilder<unknown>[] {
  if (fieldOf(source, orderBy).sql !== source.id) return []
  const id = sql.raw(source.id)
  return ranges.flatMap(({ field, from, to }) => {
    const { rises } = fieldOf(source, field)
    if (!rises) return []
    const time = sql.raw(`x.${rises.column}`)
    const nearest = (beyond: RawBuilder<unknown>, order: RawBuilder<unknown>) =>
      sql`(select x.id from ${sql.raw(rises.table)} x
            where x.project_id = part.id and ${time} ${beyond} order by ${order} limit 1)`
    const [start, end] = [wholeTime(from), wholeTime(to)]
    const before = sql`< ${start}::timestamptz - interval '1 hour'`
    const after = sql`> ${end}::timestamptz + interval '1 hour'`
    return [
      ...(start === undefined
        ? []
        : [sql`${id} > coalesce(${nearest(before, sql`${time} desc, x.id desc`)}, 0)`]),
      ...(end === undefined
        ? []
        : [sql`${id} < coalesce(${nearest(after, sql`${time}, x.id`)}, ${LAST_ID})`]),
    ]
  })
}

function listAtOnce(source: ListSource, query: ListQuery): RawBuilder<unknown> {
  const { limit, offset } = rangeOf(query)
  return sql`
    select ${selection(source, query)} from ${sql.raw(source.from)}
     where ${all([...rowConditions(source, query), ...projectsOf(source, query)])}
     order by ${ordered(orderOf(source, query))} limit ${limit} offset ${offset}`
}

function projectsOf(source: ListSource, query: ListQuery): RawBuilder<unknown>[] {
  return source.projectId === undefined ? [] : projectConditions(source, query, sql.raw(source.projectId))
}

function rangeOf({ limit, offset, lastId }: ListQuery): { limit: number; offset: number } {
  return { limit, offset: lastId === undefined ? offset : 0 }
}

/** No id is greater. */
const LAST_ID = '9223372036854775807'

interface Order {
  readonly key: RawBuilder<unknown>
  readonly isDescending: boolean
}

function orderOf(source: ListSource, query: ListQuery): Order[] {
  const { orderBy, pairs, lastId } = query
  const isDescending = query.desc && lastId === undefined
  const field = fieldOf(source, orderBy)
  const column = sql.raw(field.type === 'integers' ? `coalesce(cardinality(${field.sql}), 0)` : field.sql)
  // A sum is no column: without it the database reads on in the order of the ids, hoping to meet the rows soon.
  const id = sql.raw(findsContent(source, query) ? `${source.id} + 0` : source.id)
  const best =
    pairs?.isFullText === true
      ? [{ key: textMarks(fieldOf(source, pairs.field), pairs.all[0]).rank, isDescending: true }]
      : []
  const asked = field.sql === source.id ? [] : [{ key: sql`${column}`, isDescending }]
  return [...best, ...asked, { key: id, isDescending }]
}

/** Whether a filter or pair is on content that has an index, one that knows no order. */
function findsContent(source: ListSource, query: ListQuery): boolean {
  return (
    asksForContent(source, query) ||
    query.filters.some(({ field }) => {
      const { type, isIndexed } = fieldOf(source, field)
      return (type === 'json' || type === 'integers') && isIndexed === true
    })
  )
}

function ordered(order: readonly Order[]): RawBuilder<unknown> {
  return sql.join(order.map(({ key, isDescending }) => sql`${key} ${sql.raw(isDescending ? 'desc' : 'asc')}`))
}

function all(conditions: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  return conditions.length === 0 ? sql`true` : sql.join(conditions, sql` and `)
}

/**
 * A page with the fields of what its rows share. In one statement with the page each row would look that up for itself.
 */
function withShared(source: ListSource, query: ListQuery, page: RawBuilder<unknown>): RawBuilder<unknown> {
  if (!source.shared) return page
  const { table, alias } = source.shared
  const columns = Object.entries(source.fields).map(([name, field]) =>
    field.lookup ? `${field.sql} as "${name}"` : `page."${name}"`,
  )
  const listed = [...columns, ...wordNames(query).map((name) => `page.${name}`)].join(', ')
  return sql`
    with page as materialized (select found.*, row_number() over () as place from (${page}) found),
         ${sql.raw(alias)} as materialized (
           select * from ${sql.raw(table)} where id = any (array(select shared_id from page)))
    select ${sql.raw(listed)} from page left join ${sql.raw(alias)} on ${sql.raw(`${alias}.id`)} = page.shared_id
     order by page.place`
}

/** What the page itself gives: all fields but the shared ones, which it names by their id. */
function fieldsOfPage({ fields, shared }: ListSource): [name: string, sql: string][] {
  const own = Object.entries(fields).filter(([, { lookup }]) => !shared || !lookup)
  const all = own.map(([name, field]): [string, string] => [name, field.sql])
  return shared ? [...all, ['shared_id', shared.column]] : all
}

/** What a search for words tells besides. */
function wordNames({ pairs }: ListQuery): string[] {
  return pairs?.isFullText ? ['headline', 'rank'] : []
}

function selection(source: ListSource, { pairs }: ListQuery): RawBuilder<unknown> {
  const columns = sql.raw(
    fieldsOfPage(source)
      .map(([name, column]) => `${column} as "${name}"`)
      .join(', '),
  )
  if (!pairs?.isFullText) return columns
  const { headline, rank } = textMarks(fieldOf(source, pairs.field), pairs.all[0])
  return sql`${columns}, ${headline} as headline, ${rank} as rank`
}
