import type { CsvPiece } from '../lib/csv-reader.ts'
import { planColumns, type ColumnChoice } from './csv-columns.ts'
import {
  badField,
  EMPTY_CSV,
  HEADER_ONLY,
  problemOfFault,
  raggedRow,
  unexpectedState,
  type CsvFault,
  type RowPlace,
} from './csv-problems.ts'
import type { ImportColumn, ImportFinding, ImportProblem } from './importer.ts'
import { readTaskField, type TaskField, type TaskSettings } from './task-fields.ts'

type CsvRow = Extract<CsvPiece, { kind: 'row' }>

const PYBOSSA_STATES = new Set(['', 'ongoing', 'completed'])

/** Makes tasks of the rows of a CSV text; the first that is not blank is the header. */
export class CsvTable {
  readonly #choices: readonly ColumnChoice[]
  /** Columns left out whose content needs no more doubt: the owner chose so, or was asked once. */
  readonly #settled: Set<string>
  #columns: ImportColumn[] | undefined
  /** Rows below the header, blank ones not counted. */
  #rows = 0
  #isAbandoned = false

  constructor(choices: readonly ColumnChoice[]) {
    this.#choices = choices
    this.#settled = new Set(choices.map(({ name }) => name.trim()))
  }

  /** Reading on would find only consequences of what was already found. */
  get isAbandoned(): boolean {
    return this.#isAbandoned
  }

  *find(pieces: Iterable<CsvRow | CsvFault>): Generator<ImportFinding, void, undefined> {
    for (const piece of pieces) {
      yield* this.#findIn(piece)
      if (this.#isAbandoned) return
    }
  }

  *#findIn(piece: CsvRow | CsvFault): Generator<ImportFinding, void, undefined> {
    if (piece.kind !== 'row') return yield* this.#findFault(piece)
    if (piece.cells.every((cell) => cell.trim() === '')) return
    if (this.#columns === undefined) return yield* this.#begin(piece)
    this.#rows++
    yield* this.#findTask(piece, this.#columns)
  }

  *end(): Generator<ImportFinding, void, undefined> {
    if (this.#columns === undefined) yield { kind: 'problem', problem: EMPTY_CSV }
    else if (this.#rows === 0) yield { kind: 'problem', problem: HEADER_ONLY }
  }

  *#begin({ cells, line }: CsvRow): Generator<ImportFinding, void, undefined> {
    const { columns, problems } = planColumns(cells, line, this.#choices)
    this.#columns = columns
    for (const column of columns) yield { kind: 'column', column }
    for (const problem of problems) yield { kind: 'problem', problem }
    if (problems.length > 0) yield this.#abandon()
  }

  *#findFault(fault: CsvFault): Generator<ImportFinding, void, undefined> {
    this.#rows++
    yield { kind: 'problem', problem: problemOfFault(fault, this.#columns ?? []) }
    const isFatal = fault.kind === 'undecodable' || (fault.kind === 'row-too-long' && fault.isFatal)
    if (isFatal || this.#columns === undefined) yield this.#abandon()
  }

  #abandon(): ImportFinding {
    this.#isAbandoned = true
    return { kind: 'abandoned' }
  }

  *#findTask(
    { cells, line }: CsvRow,
    columns: readonly ImportColumn[],
  ): Generator<ImportFinding, void, undefined> {
    const place = { line, number: this.#rows }
    if (cells.length !== columns.length) {
      return yield { kind: 'problem', problem: raggedRow(place, cells.length, columns.length) }
    }
    const problems: ImportProblem[] = []
    const data: [string, string][] = []
    const settings: TaskSettings = {}
    for (const [index, column] of columns.entries()) {
      const text = cells[index] ?? ''
      if (column.becomes === 'data') data.push([column.key ?? column.name, text])
      else if (column.becomes === 'ignore') problems.push(...this.#doubtIgnored(column.name, text, place))
      else problems.push(...apply(column.becomes, column.name, text, place, settings))
    }
    for (const problem of problems) yield { kind: 'problem', problem }
    if (problems.length > 0) return
    // fromEntries, unlike assignment, makes a key of every name, "__proto__" too.
    yield {
      kind: 'task',
      row: line,
      task: { info: Object.fromEntries(data), ...settings },
      cells: () => [...cells],
    }
  }

  /** A column left out by its name alone must hold what the name says, or data would be lost unnoticed. */
  #doubtIgnored(name: string, text: string, place: RowPlace): ImportProblem[] {
    if (this.#settled.has(name) || PYBOSSA_STATES.has(text.trim())) return []
    this.#settled.add(name)
    return [unexpectedState(place, name, text)]
  }
}

function apply(
  field: TaskField,
  column: string,
  text: string,
  place: RowPlace,
  settings: TaskSettings,
): ImportProblem[] {
  const value = readTaskField(field, text)
  if (value === undefined) return [badField(place, column, field, text)]
  Object.assign(settings, value)
  return []
}
