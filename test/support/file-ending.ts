import { after } from 'node:test'
import type { Ending } from './servers.ts'

/**
 * For what all tests of a file share: pass it where a test's context is wanted. Called at the top of the file, because
 * `after` inside a hook ends with the hook. The order is that of a test's own `after`.
 */
export function untilFileEnds(): Ending {
  const endings: (() => unknown)[] = []
  after(async () => {
    for (const end of endings) await end()
  })
  return {
    after(end) {
      endings.push(end)
    },
  }
}
