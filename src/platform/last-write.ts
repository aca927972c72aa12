import { endsWithin } from '../lib/patience.ts'
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
  const writing = write()
  try {
    if (!(await endsWithin(writing, withinMs))) throw new Error(`Not written within ${withinMs} ms`)
    await writing
  } catch (error) {
    log.warn({ err: error }, `last ${what} not written`)
  }
}
