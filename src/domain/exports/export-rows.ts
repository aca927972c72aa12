import { safeCell, csvLine } from '../../lib/csv-line.ts'
import { copyOut } from '../../platform/copy.ts'
import type { ExportTable } from './column-repository.ts'
import { infoTable, jsonStatement, wholeTable } from './copy-repository.ts'
import type { CsvTable } from './copy-repository.ts'
import { KEY_NOUN, findVersionsEnd, listDeleted } from './cut-repository.ts'
import type { Cut, KeyRange } from './cut-repository.ts'
import { scanElements } from './cut-scan.ts'
import type { CutScan } from './cut-scan.ts'
import { readingAgain, tryAgain } from './read-again.ts'
import type { ReadCut } from './read-again.ts'

type Take = (part: Buffer) => Promise<void>

/** The rows of one export, to be written in one form or another, as often as it takes. */
export interface ExportRows {
  readonly table: ExportTable
  readonly isDelta: boolean
  readonly nRows: number
  /** Whole rows with their JSON flattened. @returns the names of the columns. */
  writeWholeRows(take: Take): Promise<readonly string[]>
  /** The keys of `info` alone. @returns the names of the columns. */
  writeInfoRows(take: Take): Promise<readonly string[]>
  /** Rows as JSON, a line each. */
  writeJson(take: Take, form: 'list' | 'lines'): Promise<undefined>
  /** The ids of what a delta's first cut shows and its second does not. */
  deletedIds(): AsyncGenerator<number[]>
}

/** Old versions that are looked at in one statement for what is gone. */
const DELETED_BATCH = 10_000

export interface RowsOptions {
  readonly read: ReadCut
  readonly cut: Cut
  readonly table: ExportTable
  readonly scan: CutScan
  readonly signal: AbortSignal
  /** Hears of rows written, in any member. */
  readonly told: (nRows: number) => Promise<void>
}

export function exportRows(options: RowsOptions): ExportRows {
  const { cut, table, scan, signal } = options
  const read = readingAgain(options.read, signal)

  async function writeTable(
    csv: CsvTable,
    take: Take,
  ): Promise<{ nRows: number; header: readonly string[] }> {
    const { header } = csv
    if (header.length === 0) return { nRows: 0, header }
    await take(Buffer.from(csvLine(header.map(safeCell))))
    const nRows = csv.isTooWide
      ? await copyRanges(options, csv.statement, asLines(take))
      : await copyRanges(options, csv.statement, take)
    return { nRows, header }
  }

  function mustBeAll(nRows: number): void {
    if (nRows !== scan.nRows) throw new Error(`The cut has ${scan.nRows} rows, but ${nRows} were written`)
  }

  return {
    table,
    isDelta: cut.since !== null,
    nRows: scan.nRows,
    async writeWholeRows(take) {
      const { nRows, header } = await writeTable(wholeTable(cut, table, scan), take)
      mustBeAll(nRows)
      return header
    },
    async writeInfoRows(take) {
      const tree = await scanElements(read, cut, table, scan)
      return (await writeTable(infoTable(cut, table, tree), take)).header
    },
    async writeJson(take, form) {
      const firstId = form === 'list' ? scan.firstId : undefined
      mustBeAll(await copyRanges(options, (range) => jsonStatement(cut, table, range, firstId), take))
      if (form === 'list') await take(Buffer.from(scan.nRows === 0 ? '[]' : ']'))
      return undefined
    },
    async *deletedIds() {
      const { since } = cut
      if (since === null) return
      const noun = KEY_NOUN[table]
      for (let afterId = 0; afterId < Number.MAX_SAFE_INTEGER;) {
        const from = { afterId, limit: DELETED_BATCH }
        const end = await read((db) => findVersionsEnd(db, cut.projectId, noun, from))
        const range = { afterId, lastId: end ?? Number.MAX_SAFE_INTEGER }
        const ids = await read((db) => listDeleted(db, { ...cut, since }, noun, range))
        if (ids.length > 0) yield ids
        afterId = range.lastId
      }
    },
  }
}

/** Runs a statement for each range; how many rows they gave. */
async function copyRanges(
  { read, scan, signal, told }: RowsOptions,
  statement: (range: KeyRange) => string,
  take: Take,
): Promise<number> {
  let nRows = 0
  for (const range of scan.ranges) {
    signal.throwIfAborted()
    const n = await copyRange(read, statement(range), { take, signal })
    await told(n)
    nRows += n
  }
  return nRows
}

/** One that breaks off begins again, and passes over what was taken before: the same cut gives the same bytes. */
async function copyRange(
  read: ReadCut,
  statement: string,
  { take, signal }: { take: Take; signal: AbortSignal },
): Promise<number> {
  let taken = 0
  let failure: { error: unknown } | undefined
  const copy = () => {
    let toSkip = taken
    const takeRest: Take = async (part) => {
      const rest = part.subarray(toSkip)
      toSkip -= part.length - rest.length
      if (rest.length === 0) return
      try {
        await take(rest)
      } catch (error) {
        failure = { error }
        throw error
      }
      taken += rest.length
    }
    return read((db) => copyOut(db, statement, takeRest))
  }
  try {
    return await tryAgain(copy, signal, () => failure !== undefined)
  } catch (error) {
    // Whoever takes the bytes does not want them any more.
    throw failure ? failure.error : error
  }
}

/** Lists of texts, a line each, as lines of CSV. */
function asLines(take: Take): Take {
  let rest = ''
  const decoder = new TextDecoder()
  return async (part) => {
    const lines = (rest + decoder.decode(part, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    const csv = lines.map((line) =>
      csvLine((JSON.parse(line) as (string | null)[]).map((cell) => cell ?? '')),
    )
    if (csv.length > 0) await take(Buffer.from(csv.join('')))
  }
}
