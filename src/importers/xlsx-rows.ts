import { COLUMNS_MAX, ROW_LENGTH_MAX } from './importer.ts'
import { cellText, columnIndex, type CellRules, type RawCell } from './xlsx-cells.ts'
import type { XmlHandler } from './xml-reader.ts'

export interface SheetRow {
  /** As the sheet counts it, from 1. */
  line: number
  /** Without the blank ones at its end. */
  cells: string[]
  /** A cell that is an error such as #N/A, or the row when it is too long. */
  fault?: { cell?: number; text: string }
}

/** Collects the rows of a sheet while its XML is read. */
export class SheetRows implements XmlHandler {
  readonly #rules: CellRules
  #ready: SheetRow[] = []
  #row: SheetRow | undefined
  #line = 0
  #index = -1
  #length = 0
  #cell: RawCell | undefined
  #isText = false

  constructor(rules: CellRules) {
    this.#rules = rules
  }

  /** The rows that were completed since the last time. */
  take(): SheetRow[] {
    const rows = this.#ready
    this.#ready = []
    return rows
  }

  open(name: string, attributes: Readonly<Record<string, string>>): void {
    if (name === 'row') this.#beginRow(Number(attributes['r']))
    if (name === 'c') this.#beginCell(attributes)
    // In a formula's cell only its value counts; in an inline text nothing but its pieces.
    this.#isText = name === 'v' || name === 't'
  }

  #beginRow(line: number): void {
    this.#line = Number.isInteger(line) && line > this.#line ? line : this.#line + 1
    this.#row = { line: this.#line, cells: [] }
    this.#index = -1
    this.#length = 0
  }

  #beginCell({ r: reference = '', t: type, s: style = '0' }: Readonly<Record<string, string>>): void {
    this.#index = columnIndex(reference) ?? this.#index + 1
    this.#cell = { type, style: Number(style), text: '' }
  }

  text(part: string): void {
    if (!this.#isText || this.#cell === undefined || this.#row === undefined) return
    this.#length += part.length
    if (this.#length > ROW_LENGTH_MAX) this.#row.fault ??= { text: 'the row is too long' }
    else this.#cell.text += part
  }

  close(name: string): void {
    this.#isText = false
    if (name === 'c') this.#endCell()
    if (name !== 'row' || this.#row === undefined) return
    this.#ready.push(this.#row)
    this.#row = undefined
  }

  #endCell(): void {
    const [row, cell] = [this.#row, this.#cell]
    this.#cell = undefined
    if (row === undefined || cell === undefined) return
    const text = cellText(cell, this.#rules)
    if (text === undefined) row.fault ??= { cell: this.#index, text: `the cell holds the error ${cell.text}` }
    if (text === undefined || text.trim() === '') return
    if (this.#index >= COLUMNS_MAX) {
      row.fault ??= { text: `there are cells behind its first ${COLUMNS_MAX} columns` }
      return
    }
    while (row.cells.length < this.#index) row.cells.push('')
    row.cells[this.#index] = text.replaceAll('\0', '')
  }
}
