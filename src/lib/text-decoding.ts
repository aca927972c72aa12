import { isUtf8 } from 'node:buffer'
import { AppError } from './errors.ts'
import { countLineBreaks } from './line-breaks.ts'

/** Where a text stopped being readable, as a person counts in an editor. */
export interface TextPlace {
  /** Bytes before the fault, a byte-order mark included. */
  byteOffset: number
  /** From 1; LF, CR and CRLF end a line. */
  line: number
  /** From 1, in UTF-16 code units as editors count them. */
  character: number
}

/** Bytes that are no text we can store. The message says where, `advice` what to do. */
export class TextDecodingError extends AppError {
  readonly place: TextPlace
  readonly advice: string

  constructor(fault: Fault, place: TextPlace) {
    super(
      'invalid',
      `Line ${place.line}, character ${place.character} (byte ${place.byteOffset}): ${fault.what}.`,
    )
    this.name = 'TextDecodingError'
    this.place = place
    this.advice = fault.advice
  }
}

/**
 * Decodes UTF-8 (with or without a byte-order mark) and UTF-16 (with one, or recognised by its zero bytes),
 * in pieces of at most a few thousand characters whatever the size of the chunks. Nothing is normalised.
 *
 * @throws TextDecodingError after the readable part was yielded, at the first byte that is not valid in the
 *   encoding, at a NUL and at half a surrogate pair (PostgreSQL's jsonb holds neither).
 */
export async function* decodeText(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoding = new Decoding()
  for await (const chunk of bytes) {
    for (let from = 0; from < chunk.length; from += PIECE_BYTES) {
      const text = decoding.write(chunk.subarray(from, from + PIECE_BYTES), false)
      if (text !== '') yield text
      decoding.throwAnyFault()
    }
  }
  const text = decoding.write(new Uint8Array(0), true)
  if (text !== '') yield text
  decoding.throwAnyFault()
}

interface Fault {
  what: string
  advice: string
}

/** The readable beginning of some bytes; the rest waits for more bytes unless there is a fault. */
interface Decoded {
  text: string
  bytesRead: number
  fault?: Fault
}

type Decode = (bytes: Buffer, isLast: boolean) => Decoded

interface Encoding {
  decode: Decode
  markBytes: number
  byteLength: (text: string) => number
}

const PIECE_BYTES = 65_536
/** Enough to tell UTF-16 without a mark from UTF-8 by its zero bytes. */
const HEAD_BYTES = 1024

const SAVE_AS_UTF8 = 'Save the file as UTF-8 (in a spreadsheet program: "CSV UTF-8") and import it again.'
const NOT_UTF8: Fault = { what: 'this is not valid UTF-8 text', advice: SAVE_AS_UTF8 }
const NOT_UTF16: Fault = { what: 'half of a UTF-16 character stands alone', advice: SAVE_AS_UTF8 }
const NUL: Fault = {
  what: 'there is a NUL character, which cannot be stored',
  advice: `Remove it. If it is not a mistake in the text, the file may have an unknown encoding: ${SAVE_AS_UTF8}`,
}
const NOT_TEXT: Fault = {
  what: 'this is a spreadsheet workbook or an archive, not a text file',
  advice: 'Open it in the program it belongs to and save the list as "CSV UTF-8".',
}

class Decoding {
  #encoding: Encoding | undefined
  #rest: Buffer = Buffer.alloc(0)
  #fault: Fault | undefined
  #place: TextPlace = { byteOffset: 0, line: 1, character: 1 }
  #endedInCr = false

  write(bytes: Uint8Array, isLast: boolean): string {
    this.#rest = Buffer.concat([this.#rest, bytes])
    if (this.#encoding === undefined) {
      if (!isLast && this.#rest.length < HEAD_BYTES) return ''
      this.#begin()
    }
    if (this.#encoding === undefined || this.#fault !== undefined) return ''
    const decoded = untilNul(this.#encoding.decode(this.#rest, isLast), this.#encoding)
    this.#rest = this.#rest.subarray(decoded.bytesRead)
    this.#fault = decoded.fault
    this.#advance(decoded)
    return decoded.text
  }

  throwAnyFault(): void {
    if (this.#fault !== undefined) throw new TextDecodingError(this.#fault, this.#place)
  }

  #begin(): void {
    if (isArchive(this.#rest)) {
      this.#fault = NOT_TEXT
      return
    }
    this.#encoding = detectEncoding(this.#rest)
    this.#rest = this.#rest.subarray(this.#encoding.markBytes)
    this.#place.byteOffset = this.#encoding.markBytes
  }

  #advance({ text, bytesRead }: Decoded): void {
    this.#place.byteOffset += bytesRead
    if (text === '') return
    // A CR and LF that came in different pieces are still one line break.
    const counted = this.#endedInCr && text.startsWith('\n') ? text.slice(1) : text
    this.#place.line += countLineBreaks(counted)
    const afterBreak = Math.max(counted.lastIndexOf('\n'), counted.lastIndexOf('\r')) + 1
    this.#place.character = counted.length - afterBreak + (afterBreak === 0 ? this.#place.character : 1)
    this.#endedInCr = text.endsWith('\r')
  }
}

function untilNul(decoded: Decoded, encoding: Encoding): Decoded {
  const at = decoded.text.indexOf('\0')
  if (at < 0) return decoded
  const text = decoded.text.slice(0, at)
  return { text, bytesRead: encoding.byteLength(text), fault: NUL }
}

/** Zip (xlsx, ods) and the container of old Excel files: the usual mistake for a CSV upload. */
function isArchive(head: Buffer): boolean {
  const magic = head.toString('latin1', 0, 4)
  return magic === 'PK\x03\x04' || magic === '\xd0\xcf\x11\xe0'
}

function detectEncoding(head: Buffer): Encoding {
  if (startsWith(head, [0xef, 0xbb, 0xbf])) return utf8(3)
  if (startsWith(head, [0xff, 0xfe])) return utf16(2, false)
  if (startsWith(head, [0xfe, 0xff])) return utf16(2, true)
  const zeros = { even: 0, odd: 0 }
  for (const [index, byte] of head.subarray(0, HEAD_BYTES).entries()) {
    if (byte === 0) zeros[index % 2 === 0 ? 'even' : 'odd']++
  }
  // Text in UTF-16 has at least its delimiters, digits and line ends with a zero byte, all on one side.
  const many = Math.min(head.length, HEAD_BYTES) / 8
  if (zeros.odd > many && zeros.even <= zeros.odd / 8) return utf16(0, false)
  if (zeros.even > many && zeros.odd <= zeros.even / 8) return utf16(0, true)
  return utf8(0)
}

function startsWith(head: Buffer, mark: number[]): boolean {
  return mark.every((byte, index) => head[index] === byte)
}

function utf8(markBytes: number): Encoding {
  return { decode: decodeUtf8, markBytes, byteLength: (text) => Buffer.byteLength(text) }
}

function utf16(markBytes: number, isBigEndian: boolean): Encoding {
  return {
    decode: (bytes, isLast) => decodeUtf16(bytes, isLast, isBigEndian),
    markBytes,
    byteLength: (text) => text.length * 2,
  }
}

function decodeUtf8(bytes: Buffer, isLast: boolean): Decoded {
  const whole = isLast ? bytes : bytes.subarray(0, wholeUtf8Length(bytes))
  if (isUtf8(whole)) return { text: whole.toString(), bytesRead: whole.length }
  const bytesRead = validUtf8Length(whole)
  return { text: whole.toString('utf8', 0, bytesRead), bytesRead, fault: NOT_UTF8 }
}

/** The length without a last character whose bytes have not all arrived. */
function wholeUtf8Length(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const length = utf8LengthFromLead(bytes[bytes.length - back] ?? 0)
    if (length > back) return bytes.length - back
    if (length > 0) break
  }
  return bytes.length
}

function validUtf8Length(bytes: Buffer): number {
  let at = 0
  for (;;) {
    const length = utf8LengthFromLead(bytes[at] ?? 0)
    if (length === 0 || at + length > bytes.length || !isUtf8(bytes.subarray(at, at + length))) return at
    at += length
  }
}

/** How many bytes a character that begins with this byte has; 0 when none begins with it. */
function utf8LengthFromLead(byte: number): number {
  if (byte < 0x80) return 1
  if (byte < 0xc0) return 0
  if (byte < 0xe0) return 2
  if (byte < 0xf0) return 3
  return byte < 0xf8 ? 4 : 0
}

function decodeUtf16(bytes: Buffer, isLast: boolean, isBigEndian: boolean): Decoded {
  const whole = bytes.subarray(0, bytes.length - (bytes.length % 2))
  let text = (isBigEndian ? Buffer.from(whole).swap16() : whole).toString('utf16le')
  if (!isLast && /[\ud800-\udbff]$/.test(text)) text = text.slice(0, -1)
  const lone = text.isWellFormed() ? -1 : text.search(/\p{Cs}/u)
  if (lone >= 0) return { text: text.slice(0, lone), bytesRead: lone * 2, fault: NOT_UTF16 }
  const decoded: Decoded = { text, bytesRead: text.length * 2 }
  return isLast && bytes.length % 2 === 1 ? { ...decoded, fault: NOT_UTF16 } : decoded
}
