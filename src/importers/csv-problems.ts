import type { CsvPiece } from '../lib/csv-reader.ts'
import type { TextDecodingError } from '../lib/text-decoding.ts'
import { ROW_LENGTH_MAX, type ImportColumn, type ImportProblem } from './importer.ts'
import { wantedOf, type TaskField } from './task-fields.ts'

/** A text that cannot be decoded further, in the cell (from 1) of the row it had reached. */
interface Undecodable {
  kind: 'undecodable'
  error: TextDecodingError
  cell: number
}

export type CsvFault = Exclude<CsvPiece, { kind: 'row' }> | Undecodable

/** Where a row stands: its line in the file, and its number among the rows below the header. */
export interface RowPlace {
  line: number
  number: number
}

export const EMPTY_CSV: ImportProblem = {
  message: 'The file is empty.',
  advice: 'The first line must name the columns; each further line becomes a task.',
}

export const HEADER_ONLY: ImportProblem = {
  message: 'There is only a header line and no row below it, so there are no tasks.',
  advice: 'Add a line for each task below the column names.',
}

/** @param columns of the header; empty while it is not known */
export function problemOfFault(fault: CsvFault, columns: readonly ImportColumn[]): ImportProblem {
  if (fault.kind === 'undecodable') {
    const { message, advice, place } = fault.error
    return { row: place.line, column: columnAt(fault.cell, columns).name, message, advice }
  }
  if (fault.kind === 'row-too-long') return tooLong(fault)
  const { line: row, faultLine } = fault
  const { name: column, phrase } = columnAt(fault.cell, columns)
  return fault.kind === 'quote-not-closed'
    ? {
        row,
        column,
        message: `Line ${faultLine}: the quote (") that opens the cell in ${phrase} is never closed.`,
        advice: 'Close it with another quote behind the text of the cell, or remove it.',
      }
    : {
        row,
        column,
        message: `Line ${faultLine}: text follows the closing quote (") of the cell in ${phrase}; its row begins in line ${row}.`,
        advice:
          'Write quotes inside a quoted cell twice (""), and check that the quotes of the lines before are closed.',
      }
}

function columnAt(cell: number, columns: readonly ImportColumn[]): { name: string; phrase: string } {
  const name = columns[cell - 1]?.name
  return name === undefined
    ? { name: `column ${cell}`, phrase: `column ${cell}` }
    : { name, phrase: `column "${name}"` }
}

function tooLong({ line, isQuoteOpen }: Extract<CsvFault, { kind: 'row-too-long' }>): ImportProblem {
  return {
    row: line,
    message: `Line ${line}: the row that begins here has more than ${ROW_LENGTH_MAX.toLocaleString('en')} characters.`,
    advice: isQuoteOpen
      ? 'A quote (") that is opened in it is not closed: close it or remove it.'
      : 'Shorten it; put large texts and pictures in files of their own and import their addresses.',
  }
}

export function raggedRow({ line, number }: RowPlace, cells: number, headerCells: number): ImportProblem {
  return {
    row: line,
    message: `Line ${line} (data row ${number}) has ${counted(cells)}, but the header has ${headerCells}.`,
    advice:
      cells > headerCells
        ? 'Delete the extra cells. A text that contains the delimiter must stand in double quotes.'
        : 'Add the missing cells (an empty cell still needs its delimiter). A text with a line break must stand in double quotes.',
  }
}

export function badField(place: RowPlace, column: string, field: TaskField, text: string): ImportProblem {
  return {
    row: place.line,
    column,
    message: `Line ${place.line} (data row ${place.number}), column "${column}": "${shorten(text)}" is not allowed; ${field} must be ${wantedOf(field)}.`,
    advice:
      'Correct the value, leave the cell empty for the project’s setting, or choose that the column is data.',
  }
}

export function unexpectedState(place: RowPlace, column: string, text: string): ImportProblem {
  return {
    row: place.line,
    column,
    message: `Line ${place.line} (data row ${place.number}), column "${column}": a column of this name is taken for PyBossa’s task state and left out, but "${shorten(text)}" is none.`,
    advice: 'Choose that the column becomes data, or that it is ignored.',
  }
}

function counted(cells: number): string {
  return cells === 1 ? '1 cell' : `${cells} cells`
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 59).toWellFormed()}…` : text
}
