import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { Cache } from './cache.ts'
import type { Logger } from './log.ts'
import { latestPosition, positionTtlSeconds } from './position.ts'

/** A kind of value that is remembered, and for how long. */
export interface Remembered {
  readonly name: string
  /** Raised when values of the present form mean something else than those before. */
  readonly version: number | string
  /** So long, in seconds, a value is given out as it is; a tenth more or less, lest all grow old at once. */
  readonly freshSeconds: number
  /** So much longer it is given out while a new one is being made. Together at most a day. */
  readonly staleSeconds: number
}

/**
 * Makes a value, or undefined: that is told to who asked, and not kept.
 *
 * @param position what a database must show that it is made from, when what it is made of has changed lately.
 */
export type Make<T> = (position: string | undefined) => Promise<T>

/** How lookups of a kind ended. */
export interface Lookups {
  /** A value was there, and fresh. */
  fresh: number
  /** One was there, and is being made anew. */
  stale: number
  /** This one made it. */
  made: number
  /** Somebody else was making it: this one waited. */
  waited: number
  /** The servers were away, and this process had a value of its own. */
  own: number
}

/** Values that are dear to make, kept in the cache servers for all processes as JSON. */
export interface Memory {
  /**
   * The value for a key, made when there is none. Among all who ask at the same time, in all processes, one makes it
   * and the others wait for it. While the servers are away each process remembers for itself.
   *
   * @param of the things it is made of, by the names that `changed` is told.
   */
  get<T extends object | undefined>(
    kind: Remembered,
    key: string,
    make: Make<T>,
    of?: readonly string[],
  ): Promise<T>
  /**
   * Things have changed: who asks from now on for what is made of them gets a new value.
   *
   * @param position what a replica must show to know of it.
   */
  changed(things: readonly string[], position?: string): Promise<void>
  /** By kind, since this process began. */
  readonly lookups: ReadonlyMap<string, Readonly<Lookups>>
}

/** How one lookup ended. */
type Outcome = keyof Lookups

interface Kept<T> {
  /** Milliseconds since 1970. */
  freshUntil: number
  /** The marks of the things it is made of, as they were when its making began. */
  of: string
  value: T
}

/**
 * Whoever makes a value says so again and again; after so many milliseconds of silence it is another's to make. Its
 * maker has died, or could not tell that it had ended, since the cache servers failed over meanwhile.
 */
const MAKING_MS = 2_000
/** For how long another's making is waited for, in milliseconds. */
const WAIT_MS = 60_000
/** How often, in milliseconds, those look who wait for another process. */
const LOOK_MS = 50
const OWN_MAX = 1_000
/** Without the servers no process hears of changes that another one made. */
const OWN_SECONDS_MAX = 30
/** Longer than any value is kept, in seconds. */
const MARK_SECONDS = 25 * 3_600

/** Keeps a value unless it is somebody else's to make, or what it is made of has changed, since its making began. */
const KEEP = `if redis.call('get', KEYS[2]) ~= ARGV[1] then return 0 end
  redis.call('del', KEYS[2])
  local of = ''
  for i = 3, #KEYS do of = of .. (redis.call('get', KEYS[i]) or '') .. ' ' end
  if of ~= ARGV[4] then return 0 end
  redis.call('set', KEYS[1], ARGV[2], 'PX', ARGV[3])
  return 1`

/** Keeps a making, unless it is somebody else's by now. */
const HOLD = `if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('pexpire', KEYS[1], ARGV[2]) end`

/** Lets go of a making, unless it is somebody else's by now. */
const LEAVE = `if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end`

export function createMemory(cache: Cache, prefix: string, log: Logger): Memory {
  const own = new LRUCache<string, object>({ max: OWN_MAX })
  const flights = new Map<string, Promise<Found<object | undefined>>>()
  const lookups = new Map<string, Lookups>()
  const markOf = (thing: string) => `${prefix}:changed:${thing}`
  /** The marks of what has changed while there was no master, which a replica does not know of. */
  const untold = new Map<string, string>()

  /** Writes marks, those first that could not be written before. */
  async function tell(marks: ReadonlyMap<string, string>): Promise<void> {
    const all = new Map([...untold, ...marks])
    if (all.size === 0) return
    for (const [name, mark] of marks) untold.set(name, mark)
    const told = await cache.ask(async (redis) => {
      const writes = redis.pipeline()
      for (const [name, mark] of all) writes.set(name, mark, 'EX', MARK_SECONDS)
      const replies = await writes.exec()
      const failure = replies?.find(([error]) => error)?.[0]
      if (failure) throw failure
      return true
    })
    if (told) for (const [name, mark] of all) if (untold.get(name) === mark) untold.delete(name)
  }

  async function read<T>({ name, marks }: Making<T>, from: 'ask' | 'look'): Promise<Looked<T> | 'away'> {
    const texts = await cache[from]((redis) => redis.mget(name, ...marks))
    if (texts === undefined) return 'away'
    const [text, ...present] = texts
    const of = present.map((mark) => `${mark ?? ''} `).join('')
    const kept = typeof text === 'string' ? (JSON.parse(text) as Kept<T>) : undefined
    return { of, kept: kept?.of === of ? kept : undefined }
  }

  async function begin<T>({ name }: Making<T>, of: string): Promise<Turn> {
    const token = randomUUID()
    const reply = await cache.ask(
      async (redis) => (await redis.set(makingOf(name, of), token, 'PX', MAKING_MS, 'NX')) ?? 'theirs',
    )
    if (reply === 'OK') return { whose: 'ours', token }
    return { whose: reply === undefined ? 'nobody' : 'theirs' }
  }

  async function makeForAll<T>(making: Making<T>, of: string, token: string): Promise<T> {
    const { name, kind, make, marks } = making
    const lock = makingOf(name, of)
    const began = Date.now()
    const stillMaking = setInterval(() => {
      // One that never ends is another's to try.
      if (Date.now() - began > WAIT_MS) clearInterval(stillMaking)
      else void cache.ask((redis) => redis.eval(HOLD, 1, lock, token, MAKING_MS))
    }, MAKING_MS / 4).unref()
    let value: T | undefined
    try {
      value = await make(positionIn(of))
      return value
    } finally {
      clearInterval(stillMaking)
      if (value === undefined) {
        await cache.ask((redis) => redis.eval(LEAVE, 1, lock, token))
      } else {
        const milliseconds = Math.round((kind.freshSeconds + kind.staleSeconds) * 1000)
        const text = JSON.stringify({ freshUntil: freshUntil(kind), of, value } satisfies Kept<T>)
        const keys = [name, lock, ...marks]
        await cache.ask((redis) => redis.eval(KEEP, keys.length, ...keys, token, text, milliseconds, of))
      }
    }
  }

  async function makeAlone<T extends object | undefined>(making: Making<T>): Promise<Found<T>> {
    const { name, kind, make } = making
    const known = own.get(name)
    if (known) return { value: known as T, outcome: 'own' }
    const value = await make(undefined)
    if (value) own.set(name, value, { ttl: Math.min(kind.freshSeconds, OWN_SECONDS_MAX) * 1000 })
    return { value, outcome: 'made' }
  }

  /** Another process makes the value; undefined when it has died of that, or there is none to keep. */
  async function untilMade<T>(making: Making<T>, of: string): Promise<T | undefined> {
    for (let waited = 0; waited < WAIT_MS; waited += LOOK_MS) {
      await sleep(LOOK_MS)
      const lock = makingOf(making.name, of)
      const isMaking = (await cache.ask((redis) => redis.exists(lock))) === 1
      const looked = await read(making, 'ask')
      if (looked !== 'away' && looked.kept) return looked.kept.value
      if (!isMaking) return undefined
    }
    return undefined
  }

  /** What a replica has not heard of yet the master knows, as long as there is one. */
  async function readLatest<T extends object | undefined>(making: Making<T>) {
    const near = await read(making, 'look')
    if (near === 'away' || isFresh(near) || !cache.hasReplica) return near
    const far = await read(making, 'ask')
    return far === 'away' ? near : far
  }

  async function find<T extends object | undefined>(making: Making<T>): Promise<Found<T>> {
    if (untold.size > 0) await tell(new Map())
    if (making.marks.some((mark) => untold.has(mark))) return makeAlone(making)
    const looked = await readLatest(making)
    if (looked === 'away') return makeAlone(making)
    if (isFresh(looked)) return { value: looked.kept.value, outcome: 'fresh' }
    const { kept, of } = looked
    const turn = await begin(making, of)
    if (!kept) return findNew(making, of, turn)
    if (turn.whose === 'ours') {
      makeForAll(making, of, turn.token).catch((error: unknown) => {
        log.warn({ err: error, kind: making.kind.name }, 'not made anew: the old value stays for now')
      })
    }
    return { value: kept.value, outcome: 'stale' }
  }

  async function findNew<T extends object | undefined>(
    making: Making<T>,
    of: string,
    turn: Turn,
  ): Promise<Found<T>> {
    if (turn.whose === 'nobody') return makeAlone(making)
    if (turn.whose === 'ours') return { value: await makeForAll(making, of, turn.token), outcome: 'made' }
    const made = await untilMade(making, of)
    return made ? { value: made, outcome: 'waited' } : makeAlone(making)
  }

  function count(kind: Remembered, outcome: Outcome): void {
    const counts = lookups.get(kind.name) ?? { fresh: 0, stale: 0, made: 0, waited: 0, own: 0 }
    counts[outcome] += 1
    lookups.set(kind.name, counts)
  }

  return {
    lookups,
    async get<T extends object | undefined>(
      kind: Remembered,
      key: string,
      make: Make<T>,
      of: readonly string[] = [],
    ): Promise<T> {
      const name = `${prefix}:${kind.name}-${kind.version}:${key}`
      const flying = flights.get(name)
      if (flying) {
        const { value, outcome } = await flying
        count(kind, outcome === 'made' ? 'waited' : outcome)
        return value as T
      }
      const flight = find({ name, kind, make, marks: of.map(markOf) })
      flights.set(name, flight)
      try {
        const { value, outcome } = await flight
        count(kind, outcome)
        return value
      } finally {
        if (flights.get(name) === flight) flights.delete(name)
      }
    },
    async changed(things, position = '') {
      if (things.length === 0) return
      // Who asks from now on does not join those who asked before.
      flights.clear()
      own.clear()
      const mark = `${randomUUID()}@${position}@${Date.now()}`
      await tell(new Map(things.map((thing) => [markOf(thing), mark])))
    },
  }
}

interface Making<T> {
  readonly name: string
  readonly kind: Remembered
  readonly make: Make<T>
  readonly marks: readonly string[]
}

/** Whose it is to make a value; nobody's while the servers are away. */
type Turn = { whose: 'ours'; token: string } | { whose: 'theirs' } | { whose: 'nobody' }

interface Looked<T> {
  readonly of: string
  readonly kept: Kept<T> | undefined
}

function isFresh<T>(looked: Looked<T>): looked is Looked<T> & { readonly kept: Kept<T> } {
  return looked.kept !== undefined && Date.now() < looked.kept.freshUntil
}

interface Found<T> {
  readonly value: T
  readonly outcome: Outcome
}

/** What is made of the state before a change holds up nobody who asks after it. */
function makingOf(name: string, of: string): string {
  return `${name}:making:${of}`
}

/** The latest position among marks. One that nobody could tell counts no longer than positions are remembered. */
function positionIn(of: string): string | undefined {
  const positions = of.split(' ').flatMap((mark) => {
    const [, position, at] = mark.split('@')
    const isOver = position === 'unknown' && Date.now() - Number(at) > positionTtlSeconds * 1000
    return isOver ? [] : position || []
  })
  return latestPosition(positions)
}

function freshUntil({ freshSeconds }: Remembered): number {
  return Date.now() + freshSeconds * 1000 * (0.9 + Math.random() / 5)
}
