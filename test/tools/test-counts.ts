import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

type Outcome = Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>

/** Why a test did not count, when it was skipped or is still to be done. */
export function skipReason({ skip, todo }: Outcome['data']): string | undefined {
  const reason = skip ?? todo
  if (reason === undefined || reason === false) return undefined
  return reason === true || reason === '' ? 'no reason given' : reason
}

/** How one test went; nothing for a suite, and for what failed only because a test within it did. */
export function outcomeOf({ type, data }: Outcome): keyof Counts | undefined {
  if (skipReason(data) !== undefined) return 'skipped'
  if (type === 'test:fail')
    return failureTypeOf(data.details.error) === 'subtestsFailed' ? undefined : 'failed'
  return data.details.type === 'suite' ? undefined : 'passed'
}

function failureTypeOf(error: Error): string | undefined {
  return (error as { failureType?: string }).failureType
}

/** Counts by the path of a test file. */
export type CountsOfFiles = Record<string, Counts>

const NONE: Counts = { passed: 0, failed: 0, skipped: 0 }

/** A reporter of Node's test runner that only counts, as JSON. */
export default async function* count(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files: CountsOfFiles = {}
  // Files report one after the other: what a support file defined belongs to the next one that ends.
  let defined = NONE
  const add = (file: string, counts: Counts) => (files[file] = sumOfCounts([files[file] ?? NONE, counts]))
  for await (const event of events) {
    if (event.type === 'test:summary' && event.data.file !== undefined) {
      add(relative(process.cwd(), event.data.file), defined)
      defined = NONE
    }
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue
    const outcome = outcomeOf(event)
    if (!outcome) continue
    const one = { ...NONE, [outcome]: 1 }
    const { file } = event.data
    if (file?.endsWith('.test.ts')) add(relative(process.cwd(), file), one)
    else defined = sumOfCounts([defined, one])
  }
  if (defined !== NONE) add('outside any file', defined)
  yield JSON.stringify(files)
}

export function sumOfCounts(all: Iterable<Counts>): Counts {
  const sum = { passed: 0, failed: 0, skipped: 0 }
  for (const { passed, failed, skipped } of all) {
    sum.passed += passed
    sum.failed += failed
    sum.skipped += skipped
  }
  return sum
}
