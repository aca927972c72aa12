import { setTimeout as sleep } from 'node:timers/promises'
import type { Cache } from './cache.ts'
import type { Db } from './postgres.ts'
import { flushPosition, replayState } from './position-store.ts'
import type { ReplayState } from './position-store.ts'

/** Seconds for which a position is remembered: longer than a healthy replica's lag, short enough to be forgotten. */
export const positionTtlSeconds = 30

/** When a replica that is behind is asked again, in milliseconds after the time before; together 50. */
const REPLAY_WAITS_MS = [10, 15, 25]

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

/** How far the server of a connection is, waiting a moment if it does not show everything up to a position yet. */
export async function catchesUp(server: Db, position: string): Promise<ReplayState> {
  let state = await replayState(server, position)
  for (const wait of REPLAY_WAITS_MS) {
    if (state !== 'behind') return state
    await sleep(wait)
    state = await replayState(server, position)
  }
  return state
}

export interface PositionMemory {
  /** The position that this identity's next read must see, if it wrote lately. 'unknown' when nobody can tell. */
  positionFor(identity: string): Promise<string | undefined>
  remember(identity: string, position: string): Promise<void>
}

/** Keeps the later one: of two requests of one caller the first may be the last to tell. */
const KEEP_LATER = `local kept = redis.call('get', KEYS[1])
  if not kept or kept < ARGV[1] then redis.call('set', KEYS[1], ARGV[1], 'EX', ARGV[2]) end
  return 1`
/** A stall ends within this time; whoever waits longer for the cache finds it gone, and so do all others. */
const STALL_MS = 1_500
const TRY_AGAIN_MS = 50

/**
 * Remembers positions of callers who keep no cookie (API keys, external people) in the cache for 30 s. While the cache
 * is away their reads go to the primary; and for as long after, since it did not learn what was written meanwhile.
 */
export function createPositionMemory(cache: Cache, prefix: string): PositionMemory {
  const keyOf = (identity: string) => `${prefix}:position:${identity}`
  let awaySince: number | undefined

  async function keep(identity: string, position: string): Promise<boolean> {
    const kept = await cache.ask((redis) =>
      redis.eval(KEEP_LATER, 1, keyOf(identity), sortable(position), positionTtlSeconds),
    )
    awaySince = kept === undefined ? (awaySince ?? Date.now()) : undefined
    return kept !== undefined
  }

  return {
    async positionFor(identity) {
      const position = await cache.ask(async (redis) => (await redis.get(keyOf(identity))) ?? 'none')
      if (position !== 'none') return position ?? 'unknown'
      return Date.now() - cache.goneAt() < positionTtlSeconds * 1000 ? 'unknown' : undefined
    },
    async remember(identity, position) {
      // What this process alone fails to tell, another one would not miss.
      while (!(await keep(identity, position))) {
        if (Date.now() - (awaySince ?? 0) > STALL_MS) return
        await sleep(TRY_AGAIN_MS)
      }
    },
  }
}

/** Of several positions the one that shows most. */
export function latestPosition(positions: readonly string[]): string | undefined {
  return positions.toSorted((a, b) => (sortable(a) < sortable(b) ? 1 : -1))[0]
}

/** A position with all its digits: as text it sorts as positions do. */
function sortable(position: string): string {
  return position
    .split('/')
    .map((half) => half.padStart(8, '0'))
    .join('/')
}
