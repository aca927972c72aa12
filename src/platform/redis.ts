import { Redis } from 'ioredis'
import type { RedisOptions } from 'ioredis'
import { endsWithin } from '../lib/patience.ts'
import type { RedisEndpoint } from './config.ts'
import type { Logger } from './log.ts'
import { WatchfulSentinelConnector } from './sentinel-connector.ts'

/**
 * What a connection is for decides how it fails: a cache lookup is a miss after 250 ms, a job that cannot be added
 * stays in the outbox, a worker waits for as long as it takes.
 */
export type RedisUse = 'cache' | 'producer' | 'worker'

type Options = Omit<RedisOptions, 'replyMapping'>

const BY_USE: Record<RedisUse, Options> = {
  cache: { maxRetriesPerRequest: 1, enableOfflineQueue: false, commandTimeout: 250 },
  producer: { maxRetriesPerRequest: 1, enableOfflineQueue: false, commandTimeout: 500 },
  // The servers answer a wait for jobs after five seconds: longer silence is that of a host that is gone.
  worker: { maxRetriesPerRequest: null, socketTimeout: 20_000 },
}

/** A connection to one Redis, or to the master that the sentinels name. Reconnects for ever. */
export function createRedis(endpoint: RedisEndpoint, use: RedisUse, log: Logger): Redis {
  const redis = new Redis({
    // Replies in the shapes of RESP2, which BullMQ and our own calls expect.
    replyMapping: 'legacy',
    ...BY_USE[use],
    ...addressOf(endpoint),
    connectTimeout: 1_000,
    // A host that is gone never closes its side: whoever waits for that finds the new master later.
    disconnectTimeout: 100,
    retryStrategy: (times) => Math.min(500, 50 * 2 ** Math.min(times, 4)) + Math.random() * 50,
    // A master that was demoted answers READONLY: reconnect, and send the command again.
    reconnectOnError: (error) => (/^(READONLY|UNBLOCKED)/.test(error.message) ? 2 : false),
  })
  redis.on('error', (error: Error) => {
    log.warn({ err: error, redis: use }, 'redis connection trouble')
  })
  return redis
}

function addressOf(endpoint: RedisEndpoint): Options {
  if (endpoint.kind === 'sentinels') {
    return {
      sentinels: endpoint.sentinels,
      name: endpoint.master,
      ...(endpoint.password === undefined ? {} : { password: endpoint.password }),
      ...(endpoint.sentinelPassword === undefined ? {} : { sentinelPassword: endpoint.sentinelPassword }),
      // Otherwise a client stays with a master that went silent.
      Connector: WatchfulSentinelConnector,
      sentinelCommandTimeout: 500,
      sentinelRetryStrategy: (times) => Math.min(times * 50, 500),
    }
  }
  const url = new URL(endpoint.url)
  if (url.protocol === 'unix:') return { path: decodeURIComponent(url.pathname) }
  return {
    host: url.hostname,
    port: Number(url.port || 6379),
    db: Number(url.pathname.slice(1) || 0),
    ...(url.username ? { username: decodeURIComponent(url.username) } : {}),
    ...(url.password ? { password: decodeURIComponent(url.password) } : {}),
    ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
  }
}

/** How long a server may take to say goodbye, in milliseconds. */
const CLOSE_MS = 500

/** Ends a connection without waiting for a server that may be gone. */
export async function closeRedis(redis: Redis): Promise<void> {
  await endsWithin(redis.quit(), CLOSE_MS)
  redis.disconnect()
}

/** Waits a moment for a first connection. A Redis that is away is no reason not to start: what needs it degrades. */
export async function untilReady(redis: Redis, milliseconds = 2_000): Promise<void> {
  if (redis.status === 'ready') return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    redis.once('ready', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
