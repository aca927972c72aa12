import { InvalidError } from './errors.ts'

/** Levels of lists and objects inside each other. */
const DEPTH_MAX = 100

/**
 * Parses JSON that can be kept exactly as it is: what PostgreSQL's jsonb cannot hold and what JavaScript would round
 * is refused, not changed.
 *
 * @throws InvalidError for text that is not JSON, an integer beyond 2^53 - 1, a number beyond what a double holds, a
 *   NUL or half a surrogate pair in a key or a string, and more than 100 levels. The message continues the sentence
 *   "The row …".
 */
export function parseStrictJson(text: string): unknown {
  const value = MAY_HOLD_BIG_NUMBER.test(text) ? parse(text, refuseInexactNumber) : parse(text)
  refuseUnstorable(value, '', 1)
  return value
}

/** What TypeScript's library does not know of yet: a reviver's third argument (ES2026, Node 21). */
interface ReviverContext {
  /** A number as it was written. */
  source?: string
}
type Reviver = (key: string, value: unknown, context?: ReviverContext) => unknown

/** A long run of digits or an exponent of three: asking for every number's text is slow, and rarely needed. */
const MAY_HOLD_BIG_NUMBER = /\d{16}|[eE]\+?\d{3}/

function parse(text: string, reviver?: Reviver): unknown {
  try {
    return JSON.parse(text, reviver)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new InvalidError(`is not valid JSON (${error.message})`)
  }
}

function refuseInexactNumber(key: string, value: unknown, context?: ReviverContext): unknown {
  if (typeof value !== 'number') return value
  const source = context?.source ?? String(value)
  const isInexactInteger = /^-?\d+$/.test(source) && !Number.isSafeInteger(value)
  if (isInexactInteger || !Number.isFinite(value)) {
    throw new InvalidError(`holds a number too large to be kept exactly: ${shorten(source)}${placeOf(key)}`)
  }
  return value
}

function refuseUnstorable(value: unknown, path: string, depth: number): void {
  if (typeof value === 'string') refuseUnstorableText(value, path)
  if (typeof value !== 'object' || value === null) return
  if (depth > DEPTH_MAX) throw new InvalidError(`is nested more than ${DEPTH_MAX} levels deep`)
  for (const [key, member] of Object.entries(value)) {
    refuseUnstorableText(key, path)
    refuseUnstorable(member, path === '' ? key : `${path}.${key}`, depth + 1)
  }
}

function refuseUnstorableText(text: string, path: string): void {
  if (text.includes('\0')) {
    throw new InvalidError(`holds a NUL character (\\u0000), which cannot be stored${placeOf(path)}`)
  }
  if (!text.isWellFormed()) {
    throw new InvalidError(`holds half of a surrogate pair, which cannot be stored${placeOf(path)}`)
  }
}

function placeOf(path: string): string {
  return path === '' ? '' : ` (at "${shorten(path.toWellFormed().replaceAll('\0', '?'))}")`
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}
