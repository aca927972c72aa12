import { LRUCache } from 'lru-cache'
import type { App } from '../platform/app.ts'
import { AppError } from '../lib/errors.ts'
import { CONTRIBUTOR_HEADER } from './identify.ts'
import type { Context, Handler } from './state.ts'

interface Limit {
  readonly requests: number
  readonly seconds: number
}

interface Count {
  hits: number
  /** When the window ends, in seconds since 1970. */
  reset: number
}

/**
 * Counts in windows aligned to the clock: in the cache, and while that is away each process for itself, so that there
 * always is a count.
 */
function createCounter(app: App): (name: string, seconds: number) => Promise<Count> {
  const own = new LRUCache<string, number>({ max: 100_000 })

  async function hitsOf(key: string, reset: number): Promise<number> {
    try {
      const [[, hits] = []] =
        (await app.cache
          .multi()
          .incr(key)
          .expireat(key, reset + 10)
          .exec()) ?? []
      if (typeof hits === 'number') return hits
    } catch (error) {
      app.log.debug({ err: error }, 'cache away: counting in this process')
    }
    const hits = (own.get(key) ?? 0) + 1
    own.set(key, hits, { ttl: reset * 1000 - Date.now() })
    return hits
  }

  return async (name, seconds) => {
    const reset = windowEnd(seconds)
    return { hits: await hitsOf(`${app.config.redis.prefix}:rate:${name}:${reset}`, reset), reset }
  }
}

/** When the present window ends, in seconds since 1970. */
function windowEnd(seconds: number): number {
  return (Math.floor(Date.now() / 1000 / seconds) + 1) * seconds
}

function tooMany(reset: number): AppError {
  const wait = reset - Math.floor(Date.now() / 1000)
  return new AppError('too-many', `Too many requests. Try again in ${wait} seconds.`, { retryAfter: wait })
}

/** People at the contribute page make two requests a task, and quick ones answer several tasks a second. */
const OWN_PAGE_FACTOR = 10
const OWN_PAGE_GROUPS = new Set(['newtask', 'taskrun', 'skip', 'userprogress'])

/**
 * Counts requests per identity and route group, as PyBossa does (the request that reaches the limit is refused), and
 * says so in its headers: plain integers, the reset always in the future.
 *
 * @param group routes that share a counter.
 */
export function rateLimit(app: App, group: (ctx: Context) => string): Handler {
  const count = createCounter(app)
  const limit = app.config.rateLimit ?? { requests: 1_000_000, seconds: 900 }
  const { seconds } = limit
  const callerOf = createCallerNames(app)

  return async (ctx, next) => {
    const groupName = group(ctx)
    const isOwnPage =
      ctx.state.isOurs &&
      ctx.state.authenticatedBy !== 'key' &&
      ctx.get(CONTRIBUTOR_HEADER) !== '' &&
      OWN_PAGE_GROUPS.has(groupName)
    const requests = isOwnPage ? limit.requests * OWN_PAGE_FACTOR : limit.requests
    const name = `${isOwnPage ? 'page-' : ''}${groupName}:${callerOf(ctx)}`
    const { hits, reset } = app.config.rateLimit
      ? await count(name, seconds)
      : { hits: 1, reset: windowEnd(seconds) }
    ctx.set('X-RateLimit-Limit', String(requests))
    ctx.set('X-RateLimit-Remaining', String(requests - Math.min(hits, requests)))
    ctx.set('X-RateLimit-Reset', String(reset))
    if (hits >= requests) throw tooMany(reset)
    await next()
  }
}

/**
 * Bounds how often something may be tried under a name, such as a password for one account; `RATE_LIMIT=off` lifts it.
 *
 * @returns counts one try. It throws AppError too-many when there were more than `limit.requests` in the window.
 */
export function limitTries(app: App, group: string, limit: Limit): (name: string) => Promise<void> {
  const count = createCounter(app)
  return async (name) => {
    if (!app.config.rateLimit) return
    const { hits, reset } = await count(`${group}:${hashed(app, name)}`, limit.seconds)
    if (hits > limit.requests) throw tooMany(reset)
  }
}

/**
 * Names callers by key or session, else device, else address: one classroom behind one address is not one caller.
 * Other sites send the requests of all their people from one address, so the hashes of addresses are remembered.
 */
function createCallerNames(app: App): (ctx: Context) => string {
  const hashes = new LRUCache<string, string>({
    max: 10_000,
    memoMethod: (address) => hashed(app, address),
  })
  return (ctx) => {
    const { contributor } = ctx.state
    if (contributor.kind === 'user') return `user-${contributor.userId}`
    if (contributor.kind === 'device') return `device-${contributor.deviceId}`
    return `address-${hashes.memo(ctx.ip)}`
  }
}

/** Addresses of people are not kept in the cache. */
function hashed(app: App, name: string): string {
  return app.sealer.hash('rate', name).toString('base64url', 0, 12)
}
