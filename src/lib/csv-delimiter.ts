import { CsvReader } from './csv-reader.ts'

/** What may separate the cells of a row; a tie goes to the earlier one. */
export const CSV_DELIMITERS = [',', ';', '\t', '|'] as const

export type CsvDelimiter = (typeof CSV_DELIMITERS)[number]

const ROWS_MAX = 50

/**
 * The delimiter with which the first rows fit their header best: one that splits the header, then makes most rows
 * as long as it, then gives the most cells. A text that none of them splits has one column; it is read with commas.
 *
 * @param sample the beginning of the text, from its header on; its last row counts only when `isWhole`
 */
export function detectDelimiter(sample: string, isWhole: boolean): CsvDelimiter {
  let best: Fit = { delimiter: ',', share: 0, cells: 1 }
  for (const delimiter of CSV_DELIMITERS) {
    const fit = fitOf(delimiter, sample, isWhole)
    if (fit !== undefined && isBetter(fit, best)) best = fit
  }
  return best.delimiter
}

interface Fit {
  delimiter: CsvDelimiter
  /** Rows as long as the header, 0 to 1. */
  share: number
  cells: number
}

function isBetter(fit: Fit, best: Fit): boolean {
  return fit.share > best.share || (fit.share === best.share && fit.cells > best.cells)
}

function fitOf(delimiter: CsvDelimiter, sample: string, isWhole: boolean): Fit | undefined {
  const lengths: number[] = []
  const reader = new CsvReader({ delimiter, rowLengthMax: sample.length })
  for (const piece of reader.read(sample, isWhole)) {
    if (piece.kind === 'row' && piece.cells.every((cell) => cell.trim() === '')) continue
    lengths.push(piece.kind === 'row' ? piece.cells.length : 0)
    if (lengths.length > ROWS_MAX) break
  }
  const [cells = 0, ...others] = lengths
  if (cells < 2) return undefined
  const fitting = others.filter((length) => length === cells).length
  return { delimiter, cells, share: others.length === 0 ? 1 : fitting / others.length }
}
