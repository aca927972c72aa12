import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { Cache } from './cache.ts'
import type { Logger } from './log.ts'

/** A kind of value that is remembered, and for how long. */
export interface Remembered {
  readonly name: string
  /** Raised when values of the present form mean something else than those before. */
  readonly version: number
  /** So long, in seconds, a value is given out as it is; a tenth more or less, lest all grow old at once. */
  readonly freshSeconds: number
  /** So much longer it is given out while a new one is being made. */
  readonly staleSeconds: number
}

/** Values that are dear to make, kept in the cache servers for all processes as JSON. */
export interface Memory {
  /**
   * The value for a key, made when there is none. Among all who ask at the same time, in all processes, one makes it
   * and the others wait for it. While the servers are away each process remembers for itself.
   */
  get<T extends object>(kind: Remembered, key: string, make: () => Promise<T>): Promise<T>
  /** What a value was made of has changed: who asks from now on gets a new one. */
  forget(kind: Remembered, key: string): Promise<void>
}

interface Kept<T> {
  /** Milliseconds since 1970. */
  freshUntil: number
  value: T
}

/** Who began to make a value this long ago has died, in milliseconds. */
const MAKING_MS = 60_000
/** How often, in milliseconds, those look who wait for another process. */
const LOOK_MS = 50
const OWN_MAX = 1_000

/** Keeps a value unless it was forgotten, or is somebody else's to make, since its making began. */
const KEEP = `if redis.call('get', KEYS[2]) ~= ARGV[1] then return 0 end
  redis.call('set', KEYS[1], ARGV[2], 'PX', ARGV[3])
  return redis.call('del', KEYS[2])`

export function createMemory(cache: Cache, prefix: string, log: Logger): Memory {
  const own = new LRUCache<string, object>({ max: OWN_MAX })
  const flights = new Map<string, Promise<object>>()
  const nameOf = ({ name, version }: Remembered, key: string) => `${prefix}:${name}-${version}:${key}`
  const makingOf = (name: string) => `${name}:making`

  async function read<T>(name: string): Promise<Kept<T> | 'none' | 'away'> {
    const text = await cache.ask(async (redis) => (await redis.get(name)) ?? '')
    if (text === undefined) return 'away'
    return text === '' ? 'none' : (JSON.parse(text) as Kept<T>)
  }

  /** @returns a token when the value is ours to make. */
  async function begin(name: string): Promise<string | undefined> {
    const token = randomUUID()
    const reply = await cache.ask((redis) => redis.set(makingOf(name), token, 'PX', MAKING_MS, 'NX'))
    return reply === 'OK' ? token : undefined
  }

  async function makeForAll<T>(job: Making<T>, token: string): Promise<T> {
    const { name, kind, make } = job
    try {
      const value = await make()
      const milliseconds = Math.round((kind.freshSeconds + kind.staleSeconds) * 1000)
      const text = JSON.stringify({ freshUntil: freshUntil(kind), value } satisfies Kept<T>)
      await cache.ask((redis) => redis.eval(KEEP, 2, name, makingOf(name), token, text, milliseconds))
      return value
    } catch (error) {
      await cache.ask((redis) => redis.del(makingOf(name)))
      throw error
    }
  }

  async function makeAlone<T extends object>({ name, kind, make }: Making<T>): Promise<T> {
    const kept = own.get(name)
    if (kept) return kept as T
    const value = await make()
    own.set(name, value, { ttl: kind.freshSeconds * 1000 })
    return value
  }

  /** Another process makes the value; undefined when it has died of that. */
  async function untilMade<T>(name: string): Promise<T | undefined> {
    for (let waited = 0; waited < MAKING_MS; waited += LOOK_MS) {
      await sleep(LOOK_MS)
      const isMaking = (await cache.ask((redis) => redis.exists(makingOf(name)))) === 1
      const kept = await read<T>(name)
      if (typeof kept === 'object') return kept.value
      if (!isMaking) return undefined
    }
    return undefined
  }

  async function find<T extends object>(making: Making<T>): Promise<T> {
    const { name, kind } = making
    const kept = await read<T>(name)
    if (kept === 'away') return makeAlone(making)
    if (kept !== 'none' && Date.now() < kept.freshUntil) return kept.value
    const token = await begin(name)
    if (kept === 'none') {
      if (token !== undefined) return makeForAll(making, token)
      return (await untilMade<T>(name)) ?? makeAlone(making)
    }
    if (token !== undefined) {
      makeForAll(making, token).catch((error: unknown) => {
        log.warn({ err: error, kind: kind.name }, 'not made anew: the old value stays for now')
      })
    }
    return kept.value
  }

  return {
    async get<T extends object>(kind: Remembered, key: string, make: () => Promise<T>): Promise<T> {
      const name = nameOf(kind, key)
      const flying = flights.get(name)
      if (flying) return (await flying) as T
      const flight = find({ name, kind, make })
      flights.set(name, flight)
      try {
        return await flight
      } finally {
        if (flights.get(name) === flight) flights.delete(name)
      }
    },
    async forget(kind, key) {
      const name = nameOf(kind, key)
      // Who asks from now on does not join those who asked before.
      flights.delete(name)
      own.delete(name)
      await cache.ask((redis) => redis.del(name, makingOf(name)))
    },
  }
}

interface Making<T> {
  readonly name: string
  readonly kind: Remembered
  readonly make: () => Promise<T>
}

function freshUntil({ freshSeconds }: Remembered): number {
  return Date.now() + freshSeconds * 1000 * (0.9 + Math.random() / 5)
}
