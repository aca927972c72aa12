import { sql } from 'kysely'
import type { Db } from '../../platform/postgres.ts'
import { EXPORT_COLUMNS } from './column-repository.ts'
import type { ColumnKind, ExportTable } from './column-repository.ts'
import { KEY_NOUN, rowsOf } from './cut-repository.ts'
import type { Cut, KeyRange } from './cut-repository.ts'
import { countHere, findPlaces, flatCell, safeText } from './flat-repository.ts'
import type { FetchValue } from './flat-repository.ts'
import { flatColumns } from './key-tree.ts'
import type { FlatColumn, KeySighting, KeyTree } from './key-tree.ts'

/** The names of a table's JSON columns, in the order of its trees. */
export function jsonColumns(table: ExportTable): { name: string; sql: string }[] {
  return EXPORT_COLUMNS[table].flatMap(({ name, kind }, index) =>
    kind === 'json' ? [{ name, sql: `c${index}` }] : [],
  )
}

/** A column of a CSV table: its name, and the text of its cells. */
interface CsvColumn {
  readonly name: string
  /** @param fetch gives a name to what is read from the row once. */
  readonly text: (fetch: FetchValue) => string
}

/** A CSV table of a cut: its header, and the statement that gives the lines of a range. */
export interface CsvTable {
  readonly header: readonly string[]
  readonly statement: (range: KeyRange) => string
  /** A row has more columns than a statement can give: it comes as a JSON list of texts, to be made a line. */
  readonly isTooWide: boolean
}

/** PostgreSQL gives at most 1,664 columns. */
const COPIED_COLUMNS_MAX = 1_500

/**
 * Whole rows, as PyBossa's: columns stand in the order in which rows show them first, lists of ids last.
 *
 * @param firstId the first row of all.
 */
export function wholeTable(
  cut: Cut,
  table: ExportTable,
  { trees, firstId }: { trees: readonly KeyTree[]; firstId: number | undefined },
): CsvTable {
  const early: CsvColumn[] = []
  const late: CsvColumn[] = []
  const last: CsvColumn[] = []
  const unused = [...trees]
  for (const [index, { name, kind }] of EXPORT_COLUMNS[table].entries()) {
    const value = `c${index}`
    const tree = kind === 'json' ? unused.shift() : undefined
    if (tree) {
      const columns = inOrder(tree, flatColumns(tree, name), { firstRow: `${firstId}/0`, json: value })
      early.push(...columns.early)
      late.push(...columns.late)
    } else (kind === 'ids' ? last : early).push({ name, text: () => plainText(kind, value) })
  }
  const columns = firstId === undefined ? [] : [...early, ...late, ...last]
  return csvTable(cut, table, columns, (range) => rowsOf(cut, table, range))
}

/** The columns that the first row has, and those that came later. */
function inOrder(
  tree: KeyTree,
  columns: readonly FlatColumn[],
  { firstRow, json }: { firstRow: string | undefined; json: string },
): { early: CsvColumn[]; late: CsvColumn[] } {
  const csvColumn = (column: FlatColumn): CsvColumn => ({
    name: column.name,
    text: (fetch) => flatCell(tree, column, json, fetch),
  })
  return {
    early: columns.filter(({ leaf }) => leaf.row === firstRow).map(csvColumn),
    late: columns.filter(({ leaf }) => leaf.row !== firstRow).map(csvColumn),
  }
}

function plainText(kind: ColumnKind, value: string): string {
  if (kind === 'boolean') return `case when ${value} then 'True' when not ${value} then 'False' end`
  if (kind === 'text') return safeText(`(${value})`)
  if (kind !== 'ids') return value
  return `case when cardinality(${value}) > 0 then '[' || array_to_string(${value}, ', ') || ']' end`
}

/** Each object of a row's `info`: itself, or those of a list. */
function elementsOf(cut: Cut, table: ExportTable, range: KeyRange): string {
  const [info] = jsonColumns(table)
  return `
    select s.key, e.n, e.value from (${rowsOf(cut, table, range)}) s cross join lateral (
      select ${info?.sql} as value, 0 as n where jsonb_typeof(${info?.sql}) = 'object'
      union all
      select value, n from jsonb_array_elements(case when jsonb_typeof(${info?.sql}) = 'array' then ${info?.sql} else '[]' end)
        with ordinality as a (value, n) where jsonb_typeof(value) = 'object') e
     order by 1, 2 offset 0`
}

/** The keys of `info` alone, a row for each of its objects, joined to the whole rows by `<noun>_id`. */
export function infoTable(cut: Cut, table: ExportTable, tree: KeyTree): CsvTable {
  const id = `${KEY_NOUN[table]}_id`
  const { early, late } = inOrder(tree, flatColumns(tree, '', id), {
    firstRow: tree.firstObject,
    json: 'value',
  })
  const columns = tree.firstObject === undefined ? [] : [...early, { name: id, text: () => 'key' }, ...late]
  return csvTable(cut, table, columns, (range) => elementsOf(cut, table, range))
}

function csvTable(
  cut: Cut,
  table: ExportTable,
  columns: readonly CsvColumn[],
  rows: (range: KeyRange) => string,
): CsvTable {
  const isTooWide = columns.length > COPIED_COLUMNS_MAX
  const fetched: string[] = []
  const texts = columns.map(({ text }) =>
    text((value) => (isTooWide ? `(${value})` : `p${fetched.push(value) - 1}`)),
  )
  const cells = isTooWide
    ? `array_to_json(array[${texts.map((text) => `(${text})::text`).join(', ')}])`
    : texts.join(', ')
  const values = fetched.map((value, index) => `, ${value} as p${index}`).join('')
  return {
    header: columns.map(({ name }) => name),
    isTooWide,
    statement: (range) => `
      copy (
        select ${cells} from (select s.*${values} from (${rows(range)}) s offset 0) q
      ) to stdout (format csv${isTooWide ? UNQUOTED : ''})`,
  }
}

/** JSON holds no control characters, so that nothing of it is ever quoted. */
const UNQUOTED = `, delimiter E'\\x01', quote E'\\x02'`

/**
 * Rows as JSON, a line each.
 *
 * @param firstId the row that opens the list; without it the lines stand for themselves.
 */
export function jsonStatement(cut: Cut, table: ExportTable, range: KeyRange, firstId?: number): string {
  const columns = EXPORT_COLUMNS[table].map(({ name }, index) => `s.c${index} as "${name}"`)
  const before = firstId === undefined ? '' : `case when s.key = ${firstId} then '[' else ',' end || `
  return `
    copy (
      select ${before}row_to_json(q)::text from (${rowsOf(cut, table, range)}) s
       cross join lateral (select ${columns.join(', ')}) q
    ) to stdout (format csv${UNQUOTED})`
}

/** What the values of one JSON column of some rows hold. */
export async function findPlacesOf(
  db: Db,
  cut: Cut,
  table: ExportTable,
  { json, range, ids }: { json: string; range: KeyRange; ids: readonly number[] | undefined },
): Promise<KeySighting[]> {
  const these = ids === undefined ? 'true' : `key = any ('{${ids.join(',')}}')`
  const rows = `select key, 0 as n, ${json} as value from (${rowsOf(cut, table, range)}) s where ${these}`
  return findPlaces(db, rows)
}

/** What the objects of `info` hold. */
export async function findPlacesOfElements(
  db: Db,
  cut: Cut,
  table: ExportTable,
  range: KeyRange,
): Promise<KeySighting[]> {
  return findPlaces(db, elementsOf(cut, table, range))
}

/** For each of these columns, how many of its places the rows of a range have at most at once. */
export async function mostAtOnce(
  db: Db,
  cut: Cut,
  table: ExportTable,
  {
    tree,
    json,
    columns,
    range,
  }: { tree: KeyTree; json: string; columns: readonly FlatColumn[]; range: KeyRange },
): Promise<number[]> {
  const counts = columns.map((column) => `coalesce(max(${countHere(tree, column, json)}), 0)`)
  const rows = json === 'value' ? elementsOf(cut, table, range) : rowsOf(cut, table, range)
  const { rows: found } = await sql<{ most: number[] }>`
    select array[${sql.raw(counts.join(', '))}] as most from (${sql.raw(rows)}) s`.execute(db)
  return found[0]?.most ?? []
}
