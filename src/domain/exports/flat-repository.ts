import { sql } from 'kysely'
import type { Db } from '../../platform/postgres.ts'
import { isContainer, nodesTo, tooManyKeys } from './key-tree.ts'
import type { FlatColumn, JsonKind, KeyNode, KeySighting, KeyTree } from './key-tree.ts'

/** The statements here are texts: COPY takes no parameters, and their columns are made from what the rows hold. */

export function literal(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}

function pathLiteral(path: readonly string[]): string {
  return path.length === 0 ? `'{}'::text[]` : `array[${path.map(literal).join(',')}]`
}

/** Trees with more places are not asked row by row whether they are complete. */
const CHECKED_NODES_MAX = 500

/** Whether a tree has every place of a row's value; rows that it does not know have to be looked into. */
export function isKnownTo(tree: KeyTree, json: string): string {
  if (tree.nNodes > CHECKED_NODES_MAX) return 'false'
  return fits(tree.root, json)
}

/** @param value the JSON at the node's place. */
function fits(node: KeyNode, value: string): string {
  const scalars = [...node.kinds].filter((kind) => !isContainer(kind))
  const ofScalar =
    scalars.length === 0
      ? 'false'
      : `jsonb_typeof(${value}) in (${scalars.map((kind) => literal(kind)).join(',')})`
  const cases = [
    ...(node.kinds.has('object') ? [`when 'object' then ${objectFits(node, value)}`] : []),
    ...(node.kinds.has('array') ? [`when 'array' then ${arrayFits(node, value)}`] : []),
  ]
  return cases.length === 0 ? ofScalar : `case jsonb_typeof(${value}) ${cases.join(' ')} else ${ofScalar} end`
}

function objectFits({ children }: KeyNode, value: string): string {
  const keys = [...children.keys()]
  const rest = keys.length === 0 ? value : `(${value}) - ${pathLiteral(keys)}`
  return [`${rest} = '{}'`, ...childrenFit(children, (key) => `(${value} -> ${literal(key)})`)].join(' and ')
}

/** Only positions without a gap: the others are keys that objects have at the same place. */
function arrayFits({ children }: KeyNode, value: string): string {
  let length = 0
  while (children.has(String(length))) length += 1
  const positions = new Map([...children].filter(([key]) => isIndex(key) && Number(key) < length))
  const fit = childrenFit(positions, (key) => `(${value} -> ${key})`)
  return [`jsonb_array_length(${value}) <= ${length}`, ...fit].join(' and ')
}

/** What is not there is no news. */
function childrenFit(children: KeyNode['children'], valueOf: (key: string) => string): string[] {
  return [...children].map(([key, child]) => `coalesce(${fits(child, valueOf(key))}, true)`)
}

function isIndex(key: string): boolean {
  return /^(?:0|[1-9][0-9]*)$/.test(key)
}

/** More than this in one chunk of rows are more than a table has columns, whatever they are. */
const SIGHTINGS_MAX = 100_000

/**
 * What the values of a JSON column hold, place by place, in the order in which they are first seen.
 *
 * @param rows gives columns key, n (the value's number within the key) and value.
 * @throws InvalidError when there are too many of them for a table.
 */
export async function findPlaces(db: Db, rows: string): Promise<KeySighting[]> {
  const { rows: found } = await sql<{ path: string[]; kind: JsonKind; row: string }>`
    with recursive walk as (
      select '{}'::text[] as path, array[key, n]::bigint[] as place, value from (${sql.raw(rows)}) v
      union all
      select w.path || e.key, w.place || e.n, e.value
        from walk w cross join lateral (
          select key, value, n
            from jsonb_each(case when jsonb_typeof(w.value) = 'object' then w.value else '{}' end)
            with ordinality as o (key, value, n)
          union all
          select (n - 1)::text, value, n
            from jsonb_array_elements(case when jsonb_typeof(w.value) = 'array' then w.value else '[]' end)
            with ordinality as a (value, n)) e)
    select path, kind, first[1] || '/' || first[2] as "row"
      from (select path, jsonb_typeof(value) as kind, min(place) as first from walk group by 1, 2) seen
     order by first limit ${SIGHTINGS_MAX}`.execute(db)
  if (found.length === SIGHTINGS_MAX) throw tooManyKeys()
  return found
}

/** Reads a value from the row in an inner select, once; the name that it then has. */
export type FetchValue = (value: string) => string

/** The text of a column's cells. Nothing stays null, so that COPY leaves it unquoted. */
export function flatCell(
  tree: KeyTree,
  { places, nth }: FlatColumn,
  json: string,
  fetch: FetchValue,
): string {
  const texts = places.map((place) =>
    placeText(tree, place, json, fetch(`${json} #>> ${pathLiteral(place.path)}`)),
  )
  const [only = ''] = texts
  if (texts.length === 1) return only
  // One that is there and holds null takes its turn as well.
  const present = texts.map(
    (text, index) => `case when ${isHere(tree, places[index], json)} then coalesce(${text}, '') end`,
  )
  return `nullif((array_remove(array[${present.join(',')}], null))[${nth + 1}], '')`
}

/** How many of a column's places a row has. */
export function countHere(tree: KeyTree, { places }: FlatColumn, json: string): string {
  return places.map((place) => `(coalesce(${isHere(tree, place, json)}, false))::int`).join(' + ')
}

function isHere(tree: KeyTree, place: KeyNode | undefined, json: string): string {
  if (!place) return 'false'
  const value = `${json} #> ${pathLiteral(place.path)}`
  return [`jsonb_typeof(${value}) not in ('object', 'array')`, ...ancestorGuards(tree, place, json)].join(
    ' and ',
  )
}

function placeText(tree: KeyTree, place: KeyNode, json: string, fetched: string): string {
  const value = `${json} #> ${pathLiteral(place.path)}`
  const guards = ancestorGuards(tree, place, json)
  if ([...place.kinds].some(isContainer)) guards.push(`jsonb_typeof(${value}) not in ('object', 'array')`)
  const text = scalarText(place.kinds, fetched, value)
  return guards.length === 0 ? text : `case when ${guards.join(' and ')} then ${text} end`
}

/** `#>` takes a key such as -1 or 01 for a position where it meets a list. */
function ancestorGuards(tree: KeyTree, place: KeyNode, json: string): string[] {
  return nodesTo(tree, place).flatMap(({ path, kinds }, depth) =>
    kinds.has('array') && depth < place.path.length && !isIndex(place.path[depth] ?? '')
      ? [`jsonb_typeof(${json} #> ${pathLiteral(path)}) = 'object'`]
      : [],
  )
}

function scalarText(kinds: ReadonlySet<JsonKind>, text: string, value: string): string {
  const ofBoolean = `case ${text} when 'true' then 'True' else 'False' end`
  if (!kinds.has('boolean')) return kinds.has('string') ? safeText(text) : text
  if (!kinds.has('string') && !kinds.has('number'))
    return `case when ${text} is not null then ${ofBoolean} end`
  return `case when ${text} in ('true', 'false') and jsonb_typeof(${value}) = 'boolean' then ${ofBoolean} else ${safeText(text)} end`
}

/**
 * A text as a cell: one that a spreadsheet would run as a formula (the beginnings that OWASP names for CSV injection)
 * gets an apostrophe in front, unless it is a plain number.
 */
export function safeText(text: string): string {
  return `case when ascii(${text}) in (9, 13, 43, 45, 61, 64) and ${text} !~ '^[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?$'
    then '''' || ${text} else nullif(${text}, '') end`
}
