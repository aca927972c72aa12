import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from './log.ts'

/** The end of a process waits no longer for what it has still to write, in milliseconds. */
const LAST_MS = 2_000

/** Writes what a process that ends has noted; without its database that is lost, and the process ends all the same. */
export async function writeLast(
  what: string,
  write: () => Promise<void>,
  log: Pick<Logger, 'warn'>,
  withinMs = LAST_MS,
): Promise<void> {
  const late = new AbortController()
  const tooLate = sleep(withinMs, undefined, { signal: late.signal }).then(() => {
    throw new Error(`Not written within ${withinMs} ms`)
  })
  try {
    await Promise.race([write(), tooLate])
  } catch (error) {
    log.warn({ err: error }, `last ${what} not written`)
  } finally {
    tooLate.catch(() => undefined)
    late.abort()
  }
}
