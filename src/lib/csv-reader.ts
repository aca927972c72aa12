import { countLineBreaks } from './line-breaks.ts'

/** One row, or what is wrong with the text where a row should be. Lines and cells count from 1. */
export type CsvPiece =
  | { kind: 'row'; line: number; cells: string[] }
  /** Text follows a closing quote; reading goes on at the line after that text. */
  | { kind: 'text-after-quote'; line: number; cell: number; faultLine: number }
  /** The text ended inside a quoted cell, whose quote stands in `faultLine`. */
  | { kind: 'quote-not-closed'; line: number; cell: number; faultLine: number }
  /** More characters than allowed. Nothing is read beyond when the end of the row was not in sight. */
  | { kind: 'row-too-long'; line: number; isFatal: boolean; isQuoteOpen: boolean }

/** What an attempt at one row found; `end` is where the next row begins. */
type Attempt =
  | { end: number; cells: string[] }
  | { end: number; fault: 'text-after-quote' | 'quote-not-closed'; cell: number; faultAt: number }

type CellAttempt =
  { value: string; end: number } | { fault: 'text-after-quote' | 'quote-not-closed'; faultAt: number }

const QUOTE = 34
const LF = 10
const CR = 13

/**
 * Reads delimited text that arrives in pieces (RFC 4180, with any one-character delimiter and LF, CR or CRLF,
 * even mixed). A cell that begins with a quote is quoted; a quote anywhere else is text. Every line is a row, an
 * empty line one with a single empty cell. Holds one piece of text and one row.
 *
 * Why not a package: docs/importing.md.
 */
export class CsvReader {
  readonly #delimiterCode: number
  readonly #rowLengthMax: number
  /** Text not yet read; it begins where a row begins. */
  #text = ''
  #line = 1
  #isStopped = false

  /** @param options.rowLengthMax characters of one row, its delimiters and quotes included */
  constructor(options: { delimiter: string; rowLengthMax: number }) {
    this.#delimiterCode = options.delimiter.charCodeAt(0)
    this.#rowLengthMax = options.rowLengthMax
  }

  /** The rows that are complete with this piece of text; with `isLast` also the one that the end completes. */
  *read(text: string, isLast: boolean): Generator<CsvPiece, void, undefined> {
    this.#text += text
    let at = 0
    while (at < this.#text.length && !this.#isStopped) {
      const attempt = this.#attemptRow(at, isLast)
      if (attempt === undefined) break
      yield this.#toPiece(at, attempt)
      this.#line += countLineBreaks(this.#text, at, attempt.end)
      at = attempt.end
    }
    this.#text = this.#text.slice(at)
    if (this.#text.length > this.#rowLengthMax && !this.#isStopped) {
      this.#isStopped = true
      const isQuoteOpen = 'fault' in this.#attemptToTheEnd()
      yield { kind: 'row-too-long', line: this.#line, isFatal: true, isQuoteOpen }
    }
  }

  /** The cell, counted from 1, in which the text so far ends. */
  get openCell(): number {
    const attempt = this.#attemptToTheEnd()
    return 'cells' in attempt ? attempt.cells.length : attempt.cell
  }

  #toPiece(start: number, attempt: Attempt): CsvPiece {
    const line = this.#line
    if (attempt.end - start > this.#rowLengthMax) {
      const isQuoteOpen = 'fault' in attempt && attempt.fault === 'quote-not-closed'
      return { kind: 'row-too-long', line, isFatal: false, isQuoteOpen }
    }
    if ('cells' in attempt) return { kind: 'row', line, cells: attempt.cells }
    const faultLine = line + countLineBreaks(this.#text, start, attempt.faultAt)
    return { kind: attempt.fault, line, cell: attempt.cell, faultLine }
  }

  #attemptToTheEnd(): Attempt {
    return this.#attemptRow(0, true) ?? { cells: [''], end: 0 }
  }

  /** Undefined when more text is needed to tell. */
  #attemptRow(start: number, isLast: boolean): Attempt | undefined {
    const cells: string[] = []
    for (let at = start; ; at++) {
      const cell =
        this.#text.charCodeAt(at) === QUOTE ? this.#attemptQuoted(at, isLast) : this.#attemptPlain(at, isLast)
      if (cell === undefined) return undefined
      if ('fault' in cell) return this.#afterFault(cell, cells.length + 1, isLast)
      cells.push(cell.value)
      at = cell.end
      if (this.#text.charCodeAt(at) === this.#delimiterCode) continue
      const end = this.#afterLineBreak(at, isLast)
      return end === undefined ? undefined : { cells, end }
    }
  }

  /** A quoted cell that opens at `start`; its `end` is just behind the closing quote. */
  #attemptQuoted(start: number, isLast: boolean): CellAttempt | undefined {
    const text = this.#text
    let hasQuotes = false
    let close = text.indexOf('"', start + 1)
    while (close >= 0 && text.charCodeAt(close + 1) === QUOTE) {
      hasQuotes = true
      close = text.indexOf('"', close + 2)
    }
    if (close < 0) return isLast ? { fault: 'quote-not-closed', faultAt: start } : undefined
    const end = close + 1
    if (end === text.length && !isLast) return undefined
    if (!this.#endsCell(end)) return { fault: 'text-after-quote', faultAt: end }
    const value = text.slice(start + 1, close)
    return { value: hasQuotes ? value.replaceAll('""', '"') : value, end }
  }

  #attemptPlain(start: number, isLast: boolean): CellAttempt | undefined {
    const text = this.#text
    const delimiter = this.#delimiterCode
    let end = start
    for (; end < text.length; end++) {
      const code = text.charCodeAt(end)
      if (code === delimiter || code === LF || code === CR) break
    }
    if (end === text.length && !isLast) return undefined
    return { value: text.slice(start, end), end }
  }

  #endsCell(at: number): boolean {
    if (at >= this.#text.length) return true
    const code = this.#text.charCodeAt(at)
    return code === this.#delimiterCode || code === LF || code === CR
  }

  /** Where the line after the line break at `at` begins; undefined when a CR may still become a CRLF. */
  #afterLineBreak(at: number, isLast: boolean): number | undefined {
    if (this.#text.charCodeAt(at) !== CR) return Math.min(at + 1, this.#text.length)
    if (at + 1 === this.#text.length && !isLast) return undefined
    return this.#text.charCodeAt(at + 1) === LF ? at + 2 : at + 1
  }

  #afterFault(
    { fault, faultAt }: Extract<CellAttempt, { fault: string }>,
    cell: number,
    isLast: boolean,
  ): Attempt | undefined {
    if (fault === 'quote-not-closed') return { fault, faultAt, cell, end: this.#text.length }
    let at = faultAt
    while (at < this.#text.length && this.#text.charCodeAt(at) !== LF && this.#text.charCodeAt(at) !== CR)
      at++
    if (at === this.#text.length && !isLast) return undefined
    const end = this.#afterLineBreak(at, isLast)
    return end === undefined ? undefined : { fault, faultAt, cell, end }
  }
}
