import { safeCell } from '../../../src/lib/csv-line.ts'

type Row = Record<string, string>

/** A CSV table: its columns in order, and each row's cells that are not empty. */
export interface Table {
  readonly header: readonly string[]
  readonly rows: readonly Row[]
}

/**
 * The rules of flattening, row by row, as the statements of an export must follow them: names joined by a single
 * underscore, lists by position, nothing for empty objects and lists. Where two keys of a row lead to one name, the
 * second gets a number.
 */
export function tableOf(records: readonly Readonly<Record<string, unknown>>[]): Table {
  const flat = records.map((record) => {
    const cells = new Map<string, unknown>()
    for (const [name, value] of Object.entries(record)) flattenInto(cells, name, value)
    return cells
  })
  return {
    header: [...new Set(flat.flatMap((cells) => [...cells.keys()]))].map(safeCell),
    rows: flat.map((cells) => filled([...cells].map(([name, value]) => [safeCell(name), cellText(value)]))),
  }
}

export function filled(cells: readonly (readonly [string, string])[]): Row {
  return Object.fromEntries(cells.filter(([, text]) => text !== ''))
}

function flattenInto(cells: Map<string, unknown>, name: string, value: unknown): void {
  if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) flattenInto(cells, `${name}_${key}`, member)
    return
  }
  let free = name
  for (let number = 1; cells.has(free); number += 1) free = `${name}.${number}`
  cells.set(free, value)
}

function cellText(value: unknown): string {
  if (value === null) return ''
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  return typeof value === 'string' ? safeCell(value) : JSON.stringify(value)
}
