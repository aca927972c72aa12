import { after } from 'node:test'
import type { Ending } from './servers.ts'

/**
 * For what all tests of a file share: pass it where a test's context is wanted. Called at the top of the file, because
 * `after` inside a hook ends with the hook. The order is that of a test's own `after`; what comes too late, because
 * something beside it failed, ends at once.
 */
export function untilFileEnds(): Ending {
  const endings: (() => unknown)[] = []
  let hasEnded = false
  after(async () => {
    hasEnded = true
    for (const end of endings) await end()
  })
  return {
    after(end) {
      if (hasEnded) void end()
      else endings.push(end)
    },
  }
}

/** What was started last ends first; the test runner itself ends things in the order in which they were started. */
export function lastFirst(t: Ending): Ending {
  const endings: (() => unknown)[] = []
  t.after(async () => {
    for (const end of endings.reverse()) await end()
  })
  return { after: (end) => endings.push(end) }
}
