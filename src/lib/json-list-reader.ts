import { countLineBreaks } from './line-breaks.ts'

/** The text of one element of a list, or what is wrong with the list. Lines and positions count from 1. */
export type JsonListPiece =
  | { kind: 'element'; position: number; line: number; text: string; isByLine: boolean }
  /** More characters than allowed; nothing is read beyond. */
  | { kind: 'element-too-long'; position: number; line: number }
  | { kind: ListFault; line: number }

type ListFault = 'not-a-list' | 'list-not-closed' | 'text-after-list'

type State = 'before' | 'in-list' | 'after-list' | 'in-lines' | 'stopped'

/**
 * Splits a JSON list, or one JSON value per line, that arrives in pieces into the texts of its elements. It looks
 * only at brackets, commas and strings: whether an element is JSON is for its reader to find. Holds one piece of text
 * and one element.
 */
export class JsonListReader {
  readonly #elementLengthMax: number
  #state: State = 'before'
  #text = ''
  /** What stands before this in the text was read. */
  #at = 0
  #line = 1
  #position = 1
  #endedInCr = false
  #isAfterComma = false

  /** @param options.elementLengthMax characters of one element */
  constructor(options: { elementLengthMax: number }) {
    this.#elementLengthMax = options.elementLengthMax
  }

  /** The elements that are complete with this piece of text; with `isLast` also what its end means. */
  *read(text: string, isLast: boolean): Generator<JsonListPiece, void, undefined> {
    this.#text = this.#text.slice(this.#at) + text
    this.#at = 0
    this.#skipBlanks()
    if (this.#is('before') && this.#hasText) yield* this.#begin()
    if (this.#is('in-list')) yield* this.#readList()
    if (this.#is('in-lines')) yield* this.#readLines(isLast)
    if (this.#is('after-list') && this.#hasText)
      yield this.#stop({ kind: 'text-after-list', line: this.#line })
    if (this.#text.length - this.#at > this.#elementLengthMax && !this.#is('stopped')) yield this.#tooLong()
    if (this.#is('in-list') && isLast) yield this.#stop({ kind: 'list-not-closed', line: this.#line })
    if (this.#is('stopped')) this.#at = this.#text.length
  }

  *#begin(): Generator<JsonListPiece, void, undefined> {
    if (this.#text.startsWith('[', this.#at)) {
      this.#state = 'in-list'
      this.#consumeTo(this.#at + 1)
    } else if (this.#text.startsWith('{', this.#at)) {
      this.#state = 'in-lines'
    } else {
      yield this.#stop({ kind: 'not-a-list', line: this.#line })
    }
  }

  *#readList(): Generator<JsonListPiece, void, undefined> {
    while (this.#is('in-list')) {
      this.#skipBlanks()
      const end = endOfElement(this.#text, this.#at)
      if (end === undefined) return
      const isEnd = this.#text[end] === ']'
      // Nothing before the bracket is an element only behind a comma: "[]" is empty, "[{},]" is a mistake.
      if (end > this.#at || !isEnd || this.#isAfterComma) yield this.#toPiece(end, false)
      this.#isAfterComma = !isEnd
      this.#consumeTo(end + 1)
      if (isEnd && this.#is('in-list')) this.#state = 'after-list'
    }
    this.#skipBlanks()
  }

  *#readLines(isLast: boolean): Generator<JsonListPiece, void, undefined> {
    while (this.#is('in-lines') && this.#hasText) {
      const end = endOfLine(this.#text, this.#at)
      if (end === this.#text.length && !isLast) return
      yield this.#toPiece(end, true)
      this.#consumeTo(end)
      this.#skipBlanks()
    }
  }

  #toPiece(end: number, isByLine: boolean): JsonListPiece {
    if (end - this.#at > this.#elementLengthMax) return this.#tooLong()
    const text = this.#text.slice(this.#at, end)
    return { kind: 'element', position: this.#position++, line: this.#line, text, isByLine }
  }

  #tooLong(): JsonListPiece {
    return this.#stop({ kind: 'element-too-long', position: this.#position, line: this.#line })
  }

  #stop(piece: JsonListPiece): JsonListPiece {
    this.#state = 'stopped'
    return piece
  }

  /** A method, because the state changes in calls that the compiler does not follow. */
  #is(state: State): boolean {
    return this.#state === state
  }

  get #hasText(): boolean {
    return this.#at < this.#text.length
  }

  #skipBlanks(): void {
    let end = this.#at
    while (isBlank(this.#text.charCodeAt(end))) end++
    this.#consumeTo(end)
  }

  #consumeTo(end: number): void {
    if (end === this.#at) return
    const consumed = this.#text.slice(this.#at, end)
    // A CR and LF that came in different pieces are still one line break.
    const isHalfCounted = this.#endedInCr && consumed.startsWith('\n')
    this.#line += countLineBreaks(consumed) - (isHalfCounted ? 1 : 0)
    this.#endedInCr = consumed.endsWith('\r')
    this.#at = end
  }
}

/** Whether bytes begin as a list or an object of JSON, behind a byte-order mark and blanks if there are any. */
export function looksLikeJson(head: Uint8Array): boolean {
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, 1024)).toString('latin1')
  return /^(\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[ \t\r\n\0]*[[{]/.test(text)
}

const TAB = 9
const LF = 10
const CR = 13
const SPACE = 32
const QUOTE = 34
const COMMA = 44
const BACKSLASH = 92
const LIST_OPENS = 91
const LIST_CLOSES = 93
const OBJECT_OPENS = 123
const OBJECT_CLOSES = 125

function isBlank(code: number): boolean {
  return code === SPACE || code === LF || code === CR || code === TAB
}

function endOfLine(text: string, start: number): number {
  let end = start
  while (end < text.length && text.charCodeAt(end) !== LF && text.charCodeAt(end) !== CR) end++
  return end
}

/** Where the comma or closing bracket behind the element at `start` stands; undefined when it is not in the text. */
function endOfElement(text: string, start: number): number | undefined {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = closingQuote(text, at)
      if (at < 0) return undefined
    } else if (depth === 0 && (code === COMMA || code === LIST_CLOSES)) {
      return at
    } else {
      // A stray closing brace must not hide where the row ends.
      depth = Math.max(0, depth + depthChange(code))
    }
  }
  return undefined
}

function depthChange(code: number): number {
  if (code === LIST_OPENS || code === OBJECT_OPENS) return 1
  return code === LIST_CLOSES || code === OBJECT_CLOSES ? -1 : 0
}

/** -1 when the string that opens at `start` is not closed in the text. */
function closingQuote(text: string, start: number): number {
  let close = text.indexOf('"', start + 1)
  while (close >= 0 && isEscaped(text, close)) close = text.indexOf('"', close + 1)
  return close
}

function isEscaped(text: string, at: number): boolean {
  let before = at - 1
  while (text.charCodeAt(before) === BACKSLASH) before--
  return (at - before) % 2 === 0
}
