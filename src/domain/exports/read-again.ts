import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../../lib/errors.ts'
import type { Db } from '../../platform/postgres.ts'

/** Reads from a server that shows the cut. */
export type ReadCut = <T>(query: (db: Db) => Promise<T>) => Promise<T>

/** How often a statement is tried: a replica ends those that stand in the way of what it replays. */
const ATTEMPTS = 4
/** Before the second attempt, in milliseconds; twice as long before each one after it. */
const PAUSE_MS = 500

/**
 * Does something until it succeeds, a few times.
 *
 * @param isFinal whether what was thrown is no matter of the moment.
 */
export async function tryAgain<T>(
  work: () => Promise<T>,
  signal: AbortSignal,
  isFinal: (error: unknown) => boolean,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (attempt === ATTEMPTS || isFinal(error)) throw error
    }
    await sleep(PAUSE_MS * 2 ** (attempt - 1), undefined, { signal })
  }
}

/** Reads of a cut, which give the same however often they are asked. */
export function readingAgain(read: ReadCut, signal: AbortSignal): ReadCut {
  return (query) =>
    tryAgain(
      () => read(query),
      signal,
      (error) => error instanceof AppError,
    )
}
