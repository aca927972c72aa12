import { createReadStream } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { InvalidError } from '../lib/errors.ts'
import { cellText, csvLine } from '../lib/flatten.ts'
import type { FlatRow } from '../lib/flatten.ts'

/** As many columns as spreadsheets have; more would be names made from contents. */
const COLUMNS_MAX = 16_384
/** Rows are kept in memory up to this many characters before they are written to the file. */
const SPILL_LENGTH = 1_000_000

export interface SpilledTable {
  /** @throws InvalidError when there are more columns than a spreadsheet has. */
  add(row: FlatRow): Promise<void>
  /** Header and rows as lines of CSV, columns in the order in which they were first seen; nothing without columns. */
  lines(): AsyncGenerator<string>
}

/**
 * A table whose columns are known only after its last row: rows wait in a file, one line each, a cell being the number
 * of its column and its value.
 *
 * @param last columns that stand last, whenever they were seen.
 */
export function createSpilledTable(path: string, last: ReadonlySet<string>): SpilledTable {
  const columns = new Map<string, number>()
  let pending = ''

  function numberOf(name: string): number {
    const known = columns.get(name)
    if (known !== undefined) return known
    if (columns.size >= COLUMNS_MAX) {
      throw new InvalidError(
        `The answers have more than ${COLUMNS_MAX} different keys, too many for a table. Export them as JSON instead.`,
      )
    }
    columns.set(name, columns.size)
    return columns.size - 1
  }

  async function spill(): Promise<void> {
    const text = pending
    pending = ''
    await appendFile(path, text, { mode: 0o600 })
  }

  return {
    async add(row) {
      const cells = [...row].map(([name, value]) => [numberOf(name), cellText(value)])
      pending += `${JSON.stringify(cells)}\n`
      if (pending.length > SPILL_LENGTH) await spill()
    },

    async *lines() {
      await spill()
      if (columns.size === 0) return
      const names = [...columns.keys()]
      const ordered = [...names.filter((name) => !last.has(name)), ...names.filter((name) => last.has(name))]
      const placeOf = names.map((name) => ordered.indexOf(name))
      yield csvLine(ordered.map(cellText))
      for await (const line of linesOf(path)) {
        const cells = Array<string>(ordered.length).fill('')
        for (const [column, text] of JSON.parse(line) as [number, string][])
          cells[placeOf[column] ?? 0] = text
        yield csvLine(cells)
      }
    },
  }
}

/** A text file's lines, ended by line feeds only: other readers also break at U+2028, which JSON leaves as it is. */
async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = ''
  const chunks: AsyncIterable<string> = createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 18 })
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}
