import type { ExportTable } from './column-repository.ts'
import { findPlacesOf, findPlacesOfElements, jsonColumns, mostAtOnce } from './copy-repository.ts'
import { STRANGE_MAX, countInRange, findRangeEnd, scanRange } from './cut-repository.ts'
import type { Cut, KeyRange, ScannedRange } from './cut-repository.ts'
import { isKnownTo } from './flat-repository.ts'
import { createKeyTree, extendTree, flatColumns, withoutRoot } from './key-tree.ts'
import type { KeySighting, KeyTree } from './key-tree.ts'
import type { ReadCut } from './read-again.ts'

/** What the first pass over a cut's rows finds out. */
export interface CutScan {
  readonly nRows: number
  /** The first row's key; undefined when there are no rows. */
  readonly firstId: number | undefined
  /** Ranges of keys that hold all rows, in order, each few enough for one statement. */
  readonly ranges: readonly KeyRange[]
  /** The places in each of the table's JSON columns; none where nobody asked. */
  readonly trees: readonly KeyTree[]
}

/** A chunk has few rows at first, then as many as hold these bytes of JSON. */
const CHUNK_ROWS = { first: 1_000, max: 8_000 }
const CHUNK_BYTES = 4_000_000

/** Rows whose number one statement tells. */
const COUNTED_ROWS = 20_000

/**
 * Counts a cut's rows, a range at a time, before anything else is done with them.
 *
 * @param told hears of each range's rows.
 */
export async function countCut(
  read: ReadCut,
  cut: Cut,
  table: ExportTable,
  told: (nRows: number) => Promise<void>,
): Promise<void> {
  for (let afterId = 0; afterId < Number.MAX_SAFE_INTEGER;) {
    const from = { afterId, limit: COUNTED_ROWS }
    const end = await read((db) => findRangeEnd(db, cut, table, from))
    const range = { afterId, lastId: end ?? Number.MAX_SAFE_INTEGER }
    await told(await read((db) => countInRange(db, cut, table, range)))
    afterId = range.lastId
  }
}

/**
 * The first pass: counts a cut's rows, splits them into ranges, and finds the columns that their JSON makes.
 *
 * @param told hears of each chunk's rows.
 */
export async function scanCut(
  read: ReadCut,
  cut: Cut,
  table: ExportTable,
  { wantsColumns, told }: { wantsColumns: boolean; told: (nRows: number) => Promise<void> },
): Promise<CutScan> {
  const columns = wantsColumns
    ? jsonColumns(table).map(({ name, sql }) => ({ name, json: sql, tree: createKeyTree() }))
    : []
  const ranges: KeyRange[] = []
  let [nRows, limit, afterId] = [0, CHUNK_ROWS.first, 0]
  let firstId: number | undefined
  while (afterId < Number.MAX_SAFE_INTEGER) {
    const from = { afterId, limit }
    const end = await read((db) => findRangeEnd(db, cut, table, from))
    const range = { afterId, lastId: end ?? Number.MAX_SAFE_INTEGER }
    const { n, bytes, firstId: first } = await lookInto(read, cut, table, { range, columns })
    firstId ??= first ?? undefined
    if (n > 0) ranges.push(range)
    nRows += n
    afterId = range.lastId
    limit = nextLimit(limit, n, bytes)
    await told(n)
  }
  for (const column of columns) await findAlone(read, cut, table, { ...column, ranges })
  return { nRows, firstId, ranges, trees: columns.map(({ tree }) => tree) }
}

/** Looks at the rows of a range, and adds to the trees what they do not know. */
async function lookInto(
  read: ReadCut,
  cut: Cut,
  table: ExportTable,
  { range, columns }: { range: KeyRange; columns: readonly { json: string; tree: KeyTree }[] },
): Promise<ScannedRange> {
  const isKnown = columns.map(({ json, tree }) => isKnownTo(tree, json)).join(' and ')
  const asked = { range, known: columns.length === 0 ? undefined : isKnown }
  const scanned = await read((db) => scanRange(db, cut, table, asked))
  const { strangeIds } = scanned
  if (strangeIds === null) return scanned
  const ids = strangeIds.length < STRANGE_MAX ? strangeIds : undefined
  for (const { json, tree } of columns)
    addAll(tree, await read((db) => findPlacesOf(db, cut, table, { json, range, ids })))
  return scanned
}

function nextLimit(limit: number, n: number, bytes: number): number {
  const fitting = bytes === 0 ? CHUNK_ROWS.max : Math.floor((CHUNK_BYTES * n) / bytes)
  return Math.max(1, Math.min(CHUNK_ROWS.max, limit * 4, fitting))
}

/** The places in the objects of `info`: below its root, unless it is a list of objects in some rows. */
export async function scanElements(
  read: ReadCut,
  cut: Cut,
  table: ExportTable,
  { trees: [tree = createKeyTree()], ranges }: CutScan,
): Promise<KeyTree> {
  if (!tree.root.kinds.has('array')) return withoutRoot(tree)
  const elements = createKeyTree()
  for (const range of ranges)
    addAll(elements, await read((db) => findPlacesOfElements(db, cut, table, range)))
  await findAlone(read, cut, table, { name: '', json: 'value', tree: elements, ranges })
  return elements
}

function addAll(tree: KeyTree, places: readonly KeySighting[]): void {
  for (const place of places) extendTree(tree, place)
}

/** Finds out which of the places that share a name are never there at once: they share a column. */
async function findAlone(
  read: ReadCut,
  cut: Cut,
  table: ExportTable,
  { name, json, tree, ranges }: { name: string; json: string; tree: KeyTree; ranges: readonly KeyRange[] },
): Promise<void> {
  const columns = flatColumns(tree, name).filter(({ nth }) => nth > 0)
  if (columns.length === 0) return
  const asked = { tree, json, columns }
  const most = columns.map(() => 0)
  for (const range of ranges) {
    const found = await read((db) => mostAtOnce(db, cut, table, { ...asked, range }))
    for (const [index, count] of found.entries()) most[index] = Math.max(most[index] ?? 0, count)
  }
  for (const [index, { nth, leaf }] of columns.entries())
    if ((most[index] ?? 0) <= nth) tree.alone.add(leaf.node)
}
