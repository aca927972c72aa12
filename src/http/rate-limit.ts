import type { App } from '../platform/app.ts'
import { AppError } from '../lib/errors.ts'
import type { Context, Handler } from './state.ts'

/**
 * Counts requests per identity and route group in windows aligned to the clock, as PyBossa does (the request that
 * reaches the limit is refused), and says so in its headers: plain integers, the reset always in the future.
 *
 * Counted in the cache; while that is away each process counts for itself, so the headers are never missing.
 *
 * @param group routes that share a counter.
 */
export function rateLimit(app: App, group: (ctx: Context) => string): Handler {
  const limit = app.config.rateLimit
  const own = new Map<string, number>()
  let ownWindow = 0

  async function count(key: string, reset: number): Promise<number> {
    try {
      const [[, hits] = []] =
        (await app.cache
          .multi()
          .incr(key)
          .expireat(key, reset + 10)
          .exec()) ?? []
      if (typeof hits === 'number') return hits
    } catch (error) {
      app.log.debug({ err: error }, 'cache away: counting requests in this process')
    }
    if (reset !== ownWindow) {
      own.clear()
      ownWindow = reset
    }
    const hits = (own.get(key) ?? 0) + 1
    own.set(key, hits)
    return hits
  }

  return async (ctx, next) => {
    const { requests, seconds } = limit ?? { requests: 1_000_000, seconds: 900 }
    const reset = (Math.floor(Date.now() / 1000 / seconds) + 1) * seconds
    const key = `${app.config.redis.prefix}:rate:${group(ctx)}:${callerOf(ctx, app)}:${reset}`
    const hits = limit ? await count(key, reset) : 1
    ctx.set('X-RateLimit-Limit', String(requests))
    ctx.set('X-RateLimit-Remaining', String(requests - Math.min(hits, requests)))
    ctx.set('X-RateLimit-Reset', String(reset))
    if (hits >= requests) {
      const wait = reset - Math.floor(Date.now() / 1000)
      throw new AppError('too-many', `Too many requests. Try again in ${wait} seconds.`, { retryAfter: wait })
    }
    await next()
  }
}

/** Key or session, else device, else address: one classroom behind one address is not one caller. */
function callerOf(ctx: Context, app: App): string {
  const { contributor } = ctx.state
  if (contributor.kind === 'user') return `user-${contributor.userId}`
  if (contributor.kind === 'device') return `device-${contributor.deviceId}`
  return `address-${app.sealer.hash('rate', ctx.ip).toString('base64url', 0, 12)}`
}
