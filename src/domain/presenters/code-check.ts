import { CODE_RULES } from './code-rules.ts'
import type { CheckedFor } from './code-rules.ts'
import { readCode } from './code-reader.ts'

export type { CheckedFor } from './code-rules.ts'

/** Something in a presenter's code that will not work, or should not be there. Line and column count from 1. */
export interface CodeWarning {
  rule: string
  line: number
  column: number
  /** What is wrong, and what to do. */
  text: string
}

/** A list that nobody reads to its end says nothing. */
const WARNINGS_MAX = 100
/** Longer code is mostly libraries, and reading it would keep everybody else waiting. */
const CHECKED_CHARS_MAX = 1_000_000

/** Reads a presenter's code (without running it) for what will not work in its frame; in the order of its lines. */
export function checkCode(code: string, checkedFor: CheckedFor): CodeWarning[] {
  if (code.trim() === '') return []
  if (code.length > CHECKED_CHARS_MAX) return [{ rule: 'too-long', line: 1, column: 1, text: TOO_LONG }]
  const read = readCode(code)
  const placeOf = createPlaces(code)
  return CODE_RULES.flatMap(({ name, find }) =>
    find(read, checkedFor).map(({ at, text }) => ({ rule: name, ...placeOf(at), text })),
  )
    .sort((one, other) => one.line - other.line || one.column - other.column)
    .slice(0, WARNINGS_MAX)
}

const TOO_LONG =
  'The code is too long to be checked. Load libraries from files instead of pasting them in, and what is yours is checked.'

function createPlaces(code: string): (at: number) => { line: number; column: number } {
  const starts = [0, ...[...code.matchAll(/\n/g)].map(({ index }) => index + 1)]
  return (at) => {
    let [low, high] = [0, starts.length - 1]
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if ((starts[middle] ?? 0) <= at) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: at - (starts[low] ?? 0) + 1 }
  }
}
