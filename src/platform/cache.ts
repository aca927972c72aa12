import type { Redis } from 'ioredis'
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
  close(): Promise<void>
}

const PATIENCE_MS = 250
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
    ask: master.ask,
    look: async (commands) => (await replica?.ask(commands)) ?? master.ask(commands),
    async close() {
      await Promise.all([master.close(), replica?.close()])
    },
  }
}

/** A connection that nobody waits for once it was found broken. */
async function createBreaker(endpoint: RedisEndpoint, log: Logger): Promise<Pick<Cache, 'ask' | 'close'>> {
  const redis = createRedis(endpoint, 'cache', log)
  await untilReady(redis)
  let probe: NodeJS.Timeout | undefined

  function leave(error: unknown): void {
    if (probe) return
    log.warn({ err: error }, 'cache away: doing without')
    probe = setInterval(() => void look(), PROBE_MS)
    probe.unref()
  }

  async function look(): Promise<void> {
    try {
      await inTime(redis.ping())
    } catch {
      return
    }
    if (probe) log.info('cache is back')
    clearInterval(probe)
    probe = undefined
  }

  return {
    async ask(commands) {
      if (probe) return undefined
      try {
        return await inTime(commands(redis))
      } catch (error) {
        leave(error)
        return undefined
      }
    },
    async close() {
      clearInterval(probe)
      await closeRedis(redis)
    },
  }
}

/** @throws Error when there is no reply in time: several commands have a limit together, not one each. */
async function inTime<T>(reply: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`No reply within ${PATIENCE_MS} ms`))
    }, PATIENCE_MS)
  })
  try {
    return await Promise.race([reply, late])
  } finally {
    clearTimeout(timer)
  }
}
