import { setTimeout as sleep } from 'node:timers/promises'
import type { Cache } from './cache.ts'
import type { Db } from './postgres.ts'
import { flushPosition, hasReplayed } from './position-store.ts'

/** Seconds for which a position is remembered: longer than a healthy replica's lag, short enough to be forgotten. */
export const positionTtlSeconds = 30

/** How long a read waits for a replica before it goes to the primary, in milliseconds. */
const REPLAY_WAIT_MS = 50

/**
 * Asks the primary for its WAL flush position on behalf of every commit that is waiting at that moment: the position
 * must be read after COMMIT (inside the transaction it lies before the commit record), and once for many is enough.
 */
export function createPositionReader(primary: Db): () => Promise<string> {
  let next: Promise<string> | undefined
  let running: Promise<unknown> = Promise.resolve()

  return () => {
    next ??= running.then(() => {
      const asked = flushPosition(primary)
      next = undefined
      running = asked.catch(() => undefined)
      return asked
    })
    return next
  }
}

/**
 * Whether this replica connection shows everything up to a position, waiting a moment if it does not yet.
 * A primary always does.
 */
export async function catchesUp(replica: Db, position: string): Promise<boolean> {
  if (await hasReplayed(replica, position)) return true
  await sleep(REPLAY_WAIT_MS)
  return hasReplayed(replica, position)
}

export interface PositionMemory {
  /** The position that this identity's next read must see, if it wrote lately. 'unknown' when nobody can tell. */
  positionFor(identity: string): Promise<string | undefined>
  remember(identity: string, position: string): Promise<void>
}

/**
 * Remembers positions of callers who keep no cookie (API keys, external people) in the cache for 30 s. When the cache
 * is away their reads go to the primary.
 */
export function createPositionMemory(cache: Cache, prefix: string): PositionMemory {
  const keyOf = (identity: string) => `${prefix}:position:${identity}`
  return {
    async positionFor(identity) {
      const position = await cache.ask(async (redis) => (await redis.get(keyOf(identity))) ?? 'none')
      return position === 'none' ? undefined : (position ?? 'unknown')
    },
    async remember(identity, position) {
      await cache.ask((redis) => redis.set(keyOf(identity), position, 'EX', positionTtlSeconds))
    },
  }
}

/** Of several positions the one that shows most. */
export function latestPosition(positions: readonly string[]): string | undefined {
  return positions.toSorted((a, b) => (comparable(a) < comparable(b) ? 1 : -1))[0]
}

/** Both halves of a position, in hexadecimal digits, as text that sorts as they do. */
function comparable(position: string): string {
  return position
    .split('/')
    .map((half) => half.padStart(8, '0'))
    .join('')
}
