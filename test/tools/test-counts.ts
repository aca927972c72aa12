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

/** A reporter of Node's test runner that only counts, as JSON. */
export default async function* count(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for await (const event of events) {
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue
    const outcome = outcomeOf(event)
    if (outcome) counts[outcome] += 1
  }
  yield JSON.stringify(counts)
}
