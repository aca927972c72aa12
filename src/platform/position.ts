import { setTimeout as sleep } from 'node:timers/promises'
import type { Cache } from './cache.ts'
import type { Db } from './postgres.ts'
import { flushPosition } from './position-store.ts'

/** Seconds for which a position is remembered: longer than a healthy replica's lag, short enough to be forgotten. */
export const positionTtlSeconds = 30

/** For how long replicas that are behind are asked again, and how often, in milliseconds. */
const REPLAY_WAIT_MS = 50
const REPLAY_STEP_MS = 10

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

/** How long one request waits for replicas to show what its caller wrote, however much it reads. */
export interface Patience {
  /** Waits a moment. @returns false when the time of this request is over. */
  wait(): Promise<boolean>
  isOver(): boolean
}

export function createPatience(): Patience {
  let end: number | undefined
  let isOver = false
  return {
    async wait() {
      const now = performance.now()
      end ??= now + REPLAY_WAIT_MS
      isOver = now >= end
      if (!isOver) await sleep(Math.min(REPLAY_STEP_MS, end - now))
      return !isOver
    },
    isOver: () => isOver,
  }
}

export interface PositionMemory {
  /**
   * The position that the next read of whoever has these names must see, if one of them wrote lately: 'unknown', which
   * only the primary is sure to show, when nobody could tell it after the commit. 'away' when what is remembered cannot
   * be asked for.
   */
  positionFor(names: readonly string[]): Promise<string | undefined>
  remember(names: readonly string[], position: string): Promise<void>
}

/**
 * Keeps the later one: of two requests of one caller the first may be the last to tell. One that nobody could tell is
 * covered by what is told so many seconds after it.
 */
const KEEP_LATER = `for _, name in ipairs(KEYS) do
    local kept = redis.call('get', name)
    local isCovered = kept == 'unknown' and redis.call('ttl', name) < ARGV[2] - ARGV[3]
    if not kept or kept < ARGV[1] or isCovered then redis.call('set', name, ARGV[1], 'EX', ARGV[2]) end
  end
  return 1`
const COVERED_SECONDS = 5
/** A stall ends within this time; whoever waits longer for the cache finds it gone, and so do all others. */
const STALL_MS = 1_500
const TRY_AGAIN_MS = 50

/**
 * Remembers positions in the cache for 30 s. While that is away, reads of callers who keep no cookie (API keys, external
 * people) go to the primary; and for as long after, since it did not learn what was written meanwhile.
 */
export function createPositionMemory(cache: Cache, prefix: string): PositionMemory {
  const keysOf = (names: readonly string[]) => names.map((name) => `${prefix}:position:${name}`)
  let awaySince: number | undefined

  async function keep(names: readonly string[], position: string): Promise<boolean> {
    const kept = await cache.ask((redis) =>
      redis.eval(
        ...[KEEP_LATER, names.length, ...keysOf(names)],
        ...[sortable(position), positionTtlSeconds, COVERED_SECONDS],
      ),
    )
    awaySince = kept === undefined ? (awaySince ?? Date.now()) : undefined
    return kept !== undefined
  }

  return {
    async positionFor(names) {
      const kept = await cache.ask((redis) => redis.mget(keysOf(names)))
      if (!kept) return 'away'
      const position = latestPosition(kept.filter((one) => one !== null))
      if (position !== undefined) return position
      return Date.now() - cache.goneAt() < positionTtlSeconds * 1000 ? 'away' : undefined
    },
    async remember(names, position) {
      // What this process alone fails to tell, another one would not miss.
      while (!(await keep(names, position))) {
        if (Date.now() - (awaySince ?? 0) > STALL_MS) return
        await sleep(TRY_AGAIN_MS)
      }
    },
  }
}

/** Of several positions the one that shows most: 'unknown', if one of them is. */
export function latestPosition(positions: readonly string[]): string | undefined {
  return positions.toSorted((a, b) => (sortable(a) < sortable(b) ? 1 : -1))[0]
}

/** A position with all its digits: as text it sorts as positions do, and 'unknown' behind all of them. */
function sortable(position: string): string {
  if (position === 'unknown') return position
  return position
    .split('/')
    .map((half) => half.padStart(8, '0'))
    .join('/')
}
