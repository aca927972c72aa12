import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from './log.ts'

export interface Loop {
  /** Lets a round that runs finish, and begins no other. */
  stop(): Promise<void>
}

/** A server that is back is noticed within this time, in milliseconds. */
const PAUSE_MS_MAX = 5_000

/**
 * Does something again and again, never twice at once, with a pause between rounds. A round that fails is logged and
 * the pause grows, up to five seconds, until one succeeds.
 *
 * @param work returns true when there is more to do at once.
 */
export function startLoop(name: string, pauseMs: number, work: () => Promise<boolean>, log: Logger): Loop {
  const stopping = new AbortController()

  async function run(): Promise<void> {
    let pause = pauseMs
    while (!stopping.signal.aborted) {
      try {
        const hasMore = await work()
        pause = hasMore ? 0 : pauseMs
      } catch (error) {
        pause = Math.min(Math.max(pause, pauseMs) * 2, Math.max(PAUSE_MS_MAX, pauseMs))
        log.warn({ err: error, loop: name, pauseMs: pause }, 'round failed')
      }
      await sleep(pause, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }

  const ended = run()
  return {
    async stop() {
      stopping.abort()
      await ended
    },
  }
}
