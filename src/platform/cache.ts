import type { Redis } from 'ioredis'
import { endsWithin } from '../lib/patience.ts'
import type { RedisEndpoint } from './config.ts'
import type { Logger } from './log.ts'
import { closeRedis, createRedis, untilReady } from './redis.ts'

/** The cache servers. Whatever goes wrong with them is a miss: nothing may be owed to anybody there. */
export interface Cache {
  /**
   * Sends commands; undefined when the servers are away. Who finds that out waits 250 ms at most; afterwards nobody
   * waits until they answer again.
   */
  ask<T>(commands: (redis: Redis) => Promise<T>): Promise<T | undefined>
  /**
   * The same for commands that only read and may miss the last moment: the replica on this host answers them, when
   * there is one, also while no master does.
   */
  look<T>(commands: (redis: Redis) => Promise<T>): Promise<T | undefined>
  /** Whether there is a replica, so that `look` may find less than `ask`. */
  readonly hasReplica: boolean
  /** When the servers were last seen to be gone, and may have forgotten everything: milliseconds since 1970, or 0. */
  goneAt(): number
  close(): Promise<void>
}

/** Silence of so many milliseconds is more than a stall of this process. */
const GONE_MS = 1_000
const PATIENCE_MS = 250
/** Silent for so long, a server's silence may be that of its host: the other one is asked in the time that is left. */
const DOUBT_MS = 100
const LEFT_MS = PATIENCE_MS - DOUBT_MS
/** How often servers that are away are asked whether they are back. */
const PROBE_MS = 500

/**
 * Connects to the cache servers, and waits a moment for them; they may come later.
 *
 * @param reads the replica that `look` asks first.
 */
export async function createCache(
  endpoint: RedisEndpoint,
  log: Logger,
  reads?: RedisEndpoint,
): Promise<Cache> {
  const [master, replica] = await Promise.all([
    createBreaker(endpoint, log),
    reads ? createBreaker(reads, log) : undefined,
  ])
  return {
    ...(replica ? together(master, replica) : { ask: master.ask, look: master.ask }),
    hasReplica: replica !== undefined,
    goneAt: master.goneAt,
    async close() {
      await Promise.all([master.close(), replica?.close()])
    },
  }
}

/** Whoever finds one server silent finds out about the other one as well: a request waits once, not for each of them. */
function together(master: Breaker, replica: Breaker): Pick<Cache, 'ask' | 'look'> {
  return {
    async ask(commands) {
      const reply = master.ask(commands)
      if (await endsWithin(reply, DOUBT_MS)) return reply
      const other = replica.ask((redis) => redis.ping(), LEFT_MS)
      const late = await reply
      if (late === undefined) await other
      return late
    },
    async look(commands) {
      const near = replica.ask(commands)
      if (await endsWithin(near, DOUBT_MS)) return (await near) ?? master.ask(commands, LEFT_MS)
      const far = master.ask(commands, LEFT_MS)
      return (await Promise.race([near, far])) ?? (await near) ?? far
    },
  }
}

interface Breaker {
  /** @param patience how long its reply is waited for, in milliseconds. */
  ask<T>(commands: (redis: Redis) => Promise<T>, patience?: number): Promise<T | undefined>
  goneAt(): number
  close(): Promise<void>
}

/** A connection that nobody waits for once it was found broken. */
async function createBreaker(endpoint: RedisEndpoint, log: Logger): Promise<Breaker> {
  const redis = createRedis(endpoint, 'cache', log)
  await untilReady(redis)
  let probe: NodeJS.Timeout | undefined
  let leftAt = 0
  let goneAt = 0
  redis.on('close', () => {
    goneAt = Date.now()
  })

  function leave(error: unknown): void {
    if (probe) return
    leftAt = Date.now()
    log.warn({ err: error }, 'cache away: doing without')
    probe = setInterval(() => void look(), PROBE_MS)
    probe.unref()
  }

  async function look(): Promise<void> {
    try {
      await inTime(redis.ping(), PATIENCE_MS)
    } catch {
      return
    }
    if (probe) log.info('cache is back')
    if (probe && Date.now() - leftAt > GONE_MS) goneAt = Date.now()
    clearInterval(probe)
    probe = undefined
  }

  return {
    async ask(commands, patience = PATIENCE_MS) {
      if (probe) return undefined
      try {
        return await inTime(commands(redis), patience)
      } catch (error) {
        leave(error)
        return undefined
      }
    },
    goneAt: () => goneAt,
    async close() {
      clearInterval(probe)
      await closeRedis(redis)
    },
  }
}

/** @throws Error when there is no reply in time: several commands have a limit together, not one each. */
async function inTime<T>(reply: Promise<T>, patience: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`No reply within ${patience} ms`))
    }, patience)
  })
  try {
    return await Promise.race([reply, late])
  } finally {
    clearTimeout(timer)
  }
}
