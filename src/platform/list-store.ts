import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { Db } from './postgres.ts'

export type ColumnType = 'integer' | 'number' | 'text' | 'boolean' | 'time' | 'json' | 'integers'

export interface ListedField {
  sql: string
  type: ColumnType
}

/** What can be listed: where from, and the fields with their SQL. Written by repositories, never from input. */
export interface ListSource {
  /** The FROM clause with its joins. */
  from: string
  /** The key that pages are made by. */
  id: string
  fields: Readonly<Record<string, ListedField>>
  /** SQL of the project's id, where rows belong to projects. */
  projectId?: string
  /** SQL of whether a row is shown to others than owners (of its project, or admins where there is none). */
  published?: string
  /** A condition that always holds. */
  where?: string
}

export interface ListFilter {
  field: string
  /** Compared for equality, cast by the database; several are alternatives. A time matches by its beginning. */
  values: readonly string[]
}

export interface ListQuery {
  filters: readonly ListFilter[]
  orderBy: string
  desc: boolean
  limit: number
  offset: number
  /** Only rows with a greater id; the offset is then not applied and the order ascends. */
  lastId?: number | undefined
  /** Only rows of projects whose creator this is. */
  ownerId?: number | undefined
  /** Rows of drafts are shown to their owners only; 'everything' for admins. */
  readableBy: number | 'everything' | undefined
}

const CAST: Record<ColumnType, string> = {
  integer: 'bigint',
  number: 'double precision',
  text: 'text',
  boolean: 'boolean',
  time: 'timestamptz',
  json: 'jsonb',
  integers: 'bigint[]',
}

/** A page of rows, each a record of the source's fields; a row's type names only such fields. */
export async function listRows<Row = Record<string, unknown>>(
  db: Db,
  source: ListSource & { readonly fields: Readonly<Record<keyof Row & string, ListedField>> },
  query: ListQuery,
): Promise<Row[]> {
  const conditions = [
    ...query.filters.map((filter) => filterCondition(source, filter)),
    ...standing(source, query),
  ]
  const column = fieldOf(source, query.orderBy).sql
  const direction = query.desc && query.lastId === undefined ? 'desc' : 'asc'
  // An id is never null: without `nulls last` its index gives the descending order too.
  const first = column === source.id ? '' : `${column} ${direction} nulls last, `
  const { rows } = await sql<Row>`
    select ${selection(source)} from ${sql.raw(source.from)}
     where ${conditions.length === 0 ? sql`true` : sql.join(conditions, sql` and `)}
     order by ${sql.raw(`${first}${source.id} ${direction}`)}
     limit ${query.limit} offset ${query.lastId === undefined ? query.offset : 0}`.execute(db)
  return rows
}

function selection(source: ListSource): RawBuilder<unknown> {
  return sql.raw(
    Object.entries(source.fields)
      .map(([name, field]) => `${field.sql} as "${name}"`)
      .join(', '),
  )
}

function standing(source: ListSource, query: ListQuery): RawBuilder<unknown>[] {
  const conditions: RawBuilder<unknown>[] = []
  if (source.where !== undefined) conditions.push(sql.raw(source.where))
  if (query.lastId !== undefined) conditions.push(sql`${sql.raw(source.id)} > ${query.lastId}`)
  const { published = 'true' } = source
  if (source.projectId === undefined) {
    if (query.readableBy !== 'everything') conditions.push(sql.raw(published))
    return conditions
  }
  const projectId = sql.raw(source.projectId)
  if (query.ownerId !== undefined) {
    conditions.push(sql`${projectId} in (select id from project where owner_id = ${query.ownerId})`)
  }
  if (query.readableBy !== 'everything') {
    conditions.push(sql`
      (exists (select from project readable where readable.id = ${projectId} and readable.published
                                                 and ${sql.raw(published)})
       or exists (select from project_owner mine
                   where mine.project_id = ${projectId} and mine.user_id = ${query.readableBy ?? null}))`)
  }
  return conditions
}

function filterCondition(source: ListSource, { field, values }: ListFilter): RawBuilder<unknown> {
  const column = fieldOf(source, field)
  const alternatives = values.map((value) => comparison(column, value))
  return sql`(${sql.join(alternatives, sql` or `)})`
}

function fieldOf(source: ListSource, name: string): ListedField {
  const field = Object.hasOwn(source.fields, name) ? source.fields[name] : undefined
  if (!field) throw new Error(`No such field to list by: ${name}`)
  return field
}

function comparison(column: { sql: string; type: ColumnType }, value: string): RawBuilder<unknown> {
  const left = sql.raw(column.sql)
  if (column.type === 'time') {
    return sql`starts_with(to_char(${left}, 'YYYY-MM-DD"T"HH24:MI:SS.US'), ${value})`
  }
  if (column.type === 'json') return sql`${left} @> ${value}::jsonb`
  return sql`${left} = ${value}::${sql.raw(CAST[column.type])}`
}
