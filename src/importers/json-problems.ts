import type { JsonListPiece } from '../lib/json-list-reader.ts'
import { COLUMNS_MAX, ROW_LENGTH_MAX, type ImportProblem } from './importer.ts'

/** Where a row stands: in the list and in the file, both from 1. */
export interface JsonRowPlace {
  position: number
  line: number
}

const LIST_ADVICE =
  'Put the rows in square brackets with commas between them, or write one whole object per line.'

export const EMPTY_JSON: ImportProblem = {
  message: 'The list is empty, so there are no tasks.',
  advice: LIST_ADVICE,
}

export const ONE_OBJECT: ImportProblem = {
  message: 'The file holds a JSON object, not a list of rows.',
  advice: LIST_ADVICE,
}

/** What is wrong with the list itself, not with one of its rows. */
export function problemOfText(piece: Exclude<JsonListPiece, { kind: 'element' }>): ImportProblem {
  switch (piece.kind) {
    case 'not-a-list':
      return { message: `Line ${piece.line}: no JSON list begins here.`, advice: LIST_ADVICE }
    case 'list-not-closed':
      return {
        message: `Line ${piece.line}: the list is never closed; perhaps a quote or bracket of the row that begins here is not, or the file was cut.`,
        advice: 'Check the row, and that the file ends with ].',
      }
    case 'text-after-list':
      return {
        message: `Line ${piece.line}: more text follows the end of the list.`,
        advice: 'Put all rows into one list.',
      }
    case 'element-too-long':
      return problemOfRow(
        piece,
        `has more than ${ROW_LENGTH_MAX.toLocaleString('en')} characters`,
        'Check that its quotes and brackets are closed. Put large texts and pictures in files of their own.',
      )
  }
}

/** @param fault continues the sentence "Row 3 …" */
export function problemOfRow(
  place: JsonRowPlace,
  fault: string,
  advice: string,
  column?: string,
): ImportProblem {
  const { position, line } = place
  const message = `Row ${position} (index ${position - 1}, line ${line}) ${fault}.`
  return { row: position, ...(column === undefined ? {} : { column }), message, advice }
}

export function tooManyKeys(place: JsonRowPlace): ImportProblem {
  return problemOfRow(
    place,
    `brings the list to more than ${COLUMNS_MAX} different keys`,
    'Use the same few keys in every row; put what differs into one of them as an object.',
  )
}
