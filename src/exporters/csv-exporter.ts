import { createReadStream, createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { cellText, csvLine, flatten } from '../lib/flatten.ts'
import type { FlatRow } from '../lib/flatten.ts'
import type { ExportJob, ExportRow, ExportedNoun, Exporter } from './exporter.ts'

/** Lists of ids stay one cell, placed last. */
const ID_LISTS = new Set(['fav_user_ids', 'task_run_ids'])

/**
 * Two tables, as PyBossa's: `<short_name>_<noun>.csv` with whole rows flattened, and `…_info_only.csv` with the keys of
 * `info` alone. The header is known only after the last row, so flat rows wait in a file until then.
 */
export const csvExporter: Exporter = {
  format: 'csv',
  async *write({ noun, shortName, folder, rows }: ExportJob) {
    const whole = new Table(join(folder, 'whole.ndjson'))
    const infoOnly = new Table(join(folder, 'info-only.ndjson'))
    for await (const row of rows) {
      await whole.add(wholeRow(row))
      for (const part of infoRows(row, noun)) await infoOnly.add(part)
    }
    yield { name: `${shortName}_${noun}.csv`, content: await whole.csv() }
    yield { name: `${shortName}_${noun}_info_only.csv`, content: await infoOnly.csv() }
  },
}

function wholeRow(row: ExportRow): FlatRow {
  const plain = Object.entries(row).filter(([name]) => !ID_LISTS.has(name))
  const flat = flatten(Object.fromEntries(plain))
  for (const [name, value] of Object.entries(row)) {
    if (ID_LISTS.has(name))
      flat.set(name, Array.isArray(value) && value.length > 0 ? `[${value.join(', ')}]` : '')
  }
  return flat
}

/** The rows that a row's info makes: one for an object, one for each object of a list, none for anything else. */
function infoRows(row: ExportRow, noun: ExportedNoun): FlatRow[] {
  const { id, info } = row
  const objects = Array.isArray(info) ? info.filter(isObject) : isObject(info) ? [info] : []
  return objects.map((object) => flatten({ ...object, [`${noun}_id`]: id }))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The line reader takes these two for line ends as well. */
function oneLine(json: string): string {
  return json.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
}

/** Rows whose columns are not known before the last one: kept as lines of JSON in a file. */
class Table {
  readonly #path: string
  readonly #columns = new Set<string>()
  readonly #lines: string[] = []
  #written = false

  constructor(path: string) {
    this.#path = path
  }

  async add(row: FlatRow): Promise<void> {
    for (const name of row.keys()) this.#columns.add(name)
    this.#lines.push(`${oneLine(JSON.stringify([...row]))}\n`)
    if (this.#lines.length >= 1_000) await this.#flush()
  }

  async #flush(): Promise<void> {
    const lines = this.#lines.splice(0)
    await pipeline(Readable.from(lines), createWriteStream(this.#path, { flags: this.#written ? 'a' : 'w' }))
    this.#written = true
  }

  async csv(): Promise<Readable> {
    await this.#flush()
    return Readable.from(this.#csvLines())
  }

  async *#csvLines(): AsyncGenerator<string> {
    const columns = this.#orderedColumns()
    yield columns.length === 0 ? '' : csvLine(columns.map(cellText))
    for await (const line of createInterface({ input: createReadStream(this.#path), crlfDelay: Infinity })) {
      const row: FlatRow = new Map(JSON.parse(line) as [string, unknown][])
      yield csvLine(columns.map((name) => cellText(row.get(name))))
    }
  }

  #orderedColumns(): string[] {
    const columns = [...this.#columns]
    return [...columns.filter((name) => !ID_LISTS.has(name)), ...columns.filter((name) => ID_LISTS.has(name))]
  }
}
