/** A flat record: column names and their cells. */
export type FlatRow = Map<string, unknown>

/**
 * A nested record as columns, names joined by a single underscore as in PyBossa's exports: `info_a_b`, lists by
 * position `info_list_0`. Empty objects and lists leave no column. Where two keys lead to one name (`a_b`, and `b` in
 * `a`), the second gets a number: `a_b.1`.
 */
export function flatten(record: Readonly<Record<string, unknown>>): FlatRow {
  const row: FlatRow = new Map()
  for (const [name, value] of Object.entries(record)) flattenInto(row, name, value)
  return row
}

function flattenInto(row: FlatRow, name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) {
    row.set(freeName(row, name), value)
    return
  }
  for (const [key, member] of Object.entries(value)) flattenInto(row, `${name}_${key}`, member)
}

function freeName(row: FlatRow, name: string): string {
  if (!row.has(name)) return name
  let number = 1
  while (row.has(`${name}.${number}`)) number += 1
  return `${name}.${number}`
}

/**
 * A cell's text. Booleans as PyBossa's tables write them; a text that a spreadsheet would run as a formula gets an
 * apostrophe in front, unless it is a plain number.
 */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'number') return String(value)
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return isFormula(text) ? `'${text}` : text
}

/** The beginnings that OWASP names for CSV injection. */
function isFormula(text: string): boolean {
  return /^[=+\-@\t\r]/.test(text) && !/^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text)
}

/** One line of CSV with minimal quoting, ended by a line feed. */
export function csvLine(cells: readonly string[]): string {
  return `${cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')}\n`
}
