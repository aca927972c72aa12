import { after } from 'node:test'
import type { Ending } from './servers.ts'

/**
 * For what all tests of a file share: pass it where a test's context is wanted. Called at the top of the file, because
 * `after` inside a hook ends with the hook. What was started last ends first.
 */
export function untilFileEnds(): Ending {
  const endings: (() => unknown)[] = []
  after(async () => {
    for (const end of endings.reverse()) await end()
  })
  return {
    after(end) {
      endings.push(end)
    },
  }
}
