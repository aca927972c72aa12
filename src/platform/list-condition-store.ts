import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import { timePrefix } from '../lib/time-prefix.ts'
import type { InfoPair, ListFilter, ListQuery, ListSource, ListedField } from './list-query.ts'

const CAST: Record<ListedField['type'], string> = {
  integer: 'bigint',
  number: 'double precision',
  text: 'text',
  boolean: 'boolean',
  time: 'timestamptz',
  json: 'jsonb',
  integers: 'bigint[]',
}

/** The language that full text is compared in. */
const LANGUAGE = sql.raw(`'english'::regconfig`)

export function fieldOf(source: ListSource, name: string): ListedField {
  const field = Object.hasOwn(source.fields, name) ? source.fields[name] : undefined
  if (!field) throw new Error(`No such field to list by: ${name}`)
  return field
}

/** What a row has to be like; conditions on its project are apart. */
export function rowConditions(source: ListSource, query: ListQuery): RawBuilder<unknown>[] {
  const { lastId, pairs, ranges = [], where } = query
  return [
    ...query.filters.map((filter) => filterCondition(source, filter)),
    ...(pairs ? pairConditions(fieldOf(source, pairs.field), pairs.all, pairs.isFullText) : []),
    ...ranges.map(({ field, from, to }) =>
      rangeCondition(sql.raw(fieldOf(source, field).sql), wholeTime(from), wholeTime(to)),
    ),
    ...(source.where === undefined ? [] : [sql.raw(source.where)]),
    ...(lastId === undefined ? [] : [sql`${sql.raw(source.id)} > ${lastId}`]),
    ...(where ? [where] : []),
    ...publishedConditions(source, query),
  ]
}

function publishedConditions(source: ListSource, { readableBy }: ListQuery): RawBuilder<unknown>[] {
  if (source.published === undefined || readableBy === 'everything') return []
  const published = sql.raw(source.published)
  if (source.projectId === undefined) return [published]
  return [sql`(${published} or ${isOwner(sql.raw(source.projectId), readableBy)})`]
}

function isOwner(projectId: RawBuilder<unknown>, userId: number | undefined): RawBuilder<unknown> {
  return sql`exists (select from project_owner mine
                      where mine.project_id = ${projectId} and mine.user_id = ${userId ?? null})`
}

function filterCondition(source: ListSource, { field, values }: ListFilter): RawBuilder<unknown> {
  const column = fieldOf(source, field)
  const { sql: left, type, lookup, conditions } = column
  if (conditions) return anyOf(values.map((value) => sql.raw(conditionOf(conditions, value))))
  // One is compared plainly: a partial index is for that only.
  if (values.length > 1 && type !== 'time' && type !== 'json' && lookup === undefined)
    return sql`${sql.raw(left)} = any (${[...values]}::${sql.raw(CAST[type])}[])`
  return anyOf(values.map((value) => comparison(column, value)))
}

function conditionOf(conditions: Readonly<Record<string, string>>, value: string): string {
  return (Object.hasOwn(conditions, value) ? conditions[value] : undefined) ?? 'false'
}

function anyOf(alternatives: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  return alternatives.length === 0 ? sql`false` : sql`(${sql.join(alternatives, sql` or `)})`
}

function comparison(column: ListedField, value: string): RawBuilder<unknown> {
  const left = sql.raw(column.sql)
  if (column.type === 'time') return timeCondition(left, value)
  if (column.type === 'json') return sql`${left} @> ${value}::jsonb`
  const { lookup } = column
  if (lookup) return sql`${sql.raw(lookup.column)} = any (array(${idsWith(column, value)}))`
  return sql`${left} = ${value}::${sql.raw(CAST[column.type])}`
}

/** The ids of the rows that a value of a looked-up field belongs to. */
export function idsWith({ lookup, type }: ListedField, value: string): RawBuilder<unknown> {
  return sql`${sql.raw(lookup?.idsOf ?? '')}${value}::${sql.raw(CAST[type])}`
}

/** A time is compared as a text by its beginning. The range says the same as far as it can, and has an index. */
function timeCondition(column: RawBuilder<unknown>, prefix: string): RawBuilder<unknown> {
  const text = sql`starts_with(to_char(${column}, 'YYYY-MM-DD"T"HH24:MI:SS.US'), ${prefix})`
  const range = timePrefix(prefix)
  if (!range) return sql`false`
  const within = rangeCondition(column, range.from, range.before, sql`<`)
  return range.isExact ? within : sql`(${within} and ${text})`
}

/** A bound that is cut off begins where its text does: the first moment of that year, month or day. */
export function wholeTime(text: string | undefined): string | undefined {
  const range = text === undefined ? undefined : timePrefix(text)
  return range?.isExact ? range.from : text
}

function rangeCondition(
  column: RawBuilder<unknown>,
  from: string | undefined,
  to: string | undefined,
  below = sql`<=`,
): RawBuilder<unknown> {
  const bounds = [
    ...(from === undefined ? [] : [sql`${column} >= ${from}::timestamptz`]),
    ...(to === undefined ? [] : [sql`${column} ${below} ${to}::timestamptz`]),
  ]
  return bounds.length === 0 ? sql`true` : sql`(${sql.join(bounds, sql` and `)})`
}

function pairConditions(
  column: ListedField,
  pairs: readonly InfoPair[],
  isFullText: boolean,
): RawBuilder<unknown>[] {
  return pairs.map((pair) => (isFullText ? wordsCondition(column, pair) : pairCondition(column, pair)))
}

/**
 * The value of a key, compared as a text. Where containment has an index it is asked for first: of the text itself, and
 * of the number, truth value or structure that is written like it.
 */
function pairCondition(column: ListedField, { key, value }: InfoPair): RawBuilder<unknown> {
  const left = sql.raw(column.sql)
  const isEqual = sql`${left} ->> ${key}::text = ${value}::text`
  if (!column.isIndexed) return isEqual
  const forms = [value, ...jsonIn(value)].map((form) => JSON.stringify({ [key]: form }))
  return sql`(${anyOf(forms.map((form) => sql`${left} @> ${form}::jsonb`))} and ${isEqual})`
}

function jsonIn(text: string): unknown[] {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'string' || json === null ? [] : [json]
  } catch {
    return []
  }
}

function wordsCondition(column: ListedField, pair: InfoPair): RawBuilder<unknown> {
  const { words, asked } = wordsOf(column, pair)
  // The index holds the words of all values together: whatever has the words asked for in one value has them there.
  const hasIndex = column.words !== undefined && !pair.value.includes('!')
  return hasIndex
    ? sql`(${sql.raw(column.words)} @@ ${asked} and ${words} @@ ${asked})`
    : sql`${words} @@ ${asked}`
}

function wordsOf(column: ListedField, { key, value }: InfoPair) {
  const text = sql`left(${sql.raw(column.sql)} ->> ${key}::text, 100000)`
  return {
    text,
    words: sql`to_tsvector(${LANGUAGE}, ${text})`,
    asked: sql`to_tsquery(${LANGUAGE}, ${value}::text)`,
  }
}

/** How well the first pair of a full-text query matches, and where. */
export function textMarks(column: ListedField, pair: InfoPair) {
  const { text, words, asked } = wordsOf(column, pair)
  return {
    headline: sql`ts_headline(${LANGUAGE}, ${text}, ${asked})`,
    rank: sql`ts_rank_cd(${words}, ${asked}, 4)`,
  }
}

/** Who may see rows of a project, and whose projects are asked for, as conditions on the project's id. */
export function projectConditions(
  source: ListSource,
  query: ListQuery,
  projectId: RawBuilder<unknown>,
): RawBuilder<unknown>[] {
  const { projectIds, ownerId, readableBy } = query
  const conditions: RawBuilder<unknown>[] = []
  if (projectIds) conditions.push(sql`${projectId} = any (${[...projectIds]}::bigint[])`)
  if (ownerId !== undefined)
    conditions.push(sql`${projectId} in (select id from project where owner_id = ${ownerId})`)
  if (readableBy === 'everything') return conditions
  const isOwn = isOwner(projectId, readableBy)
  const isOpen = sql`exists (select from project readable where readable.id = ${projectId} and readable.published)`
  conditions.push(source.isForOwners || query.isForOwners ? isOwn : sql`(${isOpen} or ${isOwn})`)
  return conditions
}
