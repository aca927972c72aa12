import { LRUCache } from 'lru-cache'
import type { App } from '../platform/app.ts'
import type { RateLimit } from '../platform/config.ts'
import { AppError } from '../lib/errors.ts'
import { CONTRIBUTOR_HEADER } from './identify.ts'
import type { Context } from './state.ts'

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
  // Made when it is needed: a map of this size takes megabytes before anything is in it.
  let own: LRUCache<string, number> | undefined

  async function hitsOf(key: string, reset: number): Promise<number> {
    const replies = await app.cache.ask((redis) =>
      redis
        .multi()
        .incr(key)
        .expireat(key, reset + 10)
        .exec(),
    )
    const [, counted] = replies?.[0] ?? []
    if (typeof counted === 'number') return counted
    own ??= new LRUCache({ max: 100_000 })
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

/** The limit of a group of routes: its own, else that of all; undefined while limits are lifted. */
function limitOf(app: Pick<App, 'config'>, group: string): RateLimit | undefined {
  const { rateLimit } = app.config
  return rateLimit?.groups.get(group) ?? rateLimit
}

function tooMany(reset: number, reason: string): AppError {
  const wait = reset - Math.floor(Date.now() / 1000)
  return new AppError('too-many', `${reason} Try again in ${wait} seconds.`, { retryAfter: wait })
}

const TOO_MANY = 'Too many requests.'

/** People at the contribute page make two requests a task, and quick ones answer several tasks a second. */
const OWN_PAGE_FACTOR = 10
const OWN_PAGE_GROUPS = new Set(['newtask', 'taskrun', 'skip', 'userprogress'])

/** What the headers of an answer tell while limits are lifted. */
const LIFTED: RateLimit = { requests: 1_000_000, seconds: 900 }

const LIMIT_HEADER = 'X-RateLimit-Limit'

/**
 * Counts requests per identity and route group, as PyBossa does (the request that reaches the limit is refused), and
 * says so in its headers: plain integers, the reset always in the future.
 *
 * @param groupOf names the routes that share a counter.
 * @returns counts a request, only once if it is called again. It throws AppError too-many.
 */
export function rateLimit(app: App, groupOf: (ctx: Context) => string): (ctx: Context) => Promise<void> {
  const count = createCounter(app)
  const callerOf = createCallerNames(app)

  return async (ctx) => {
    if (ctx.response.get(LIMIT_HEADER)) return
    const group = groupOf(ctx)
    const isOwnPage = isOwnPageAsking(ctx, group)
    const limit = limitOf(app, group)
    const { requests: most, seconds } = limit ?? LIFTED
    const requests = isOwnPage ? most * OWN_PAGE_FACTOR : most
    const name = `${isOwnPage ? 'page-' : ''}${group}:${callerOf(ctx)}`
    const { hits, reset } = limit ? await count(name, seconds) : { hits: 1, reset: windowEnd(seconds) }
    ctx.set(LIMIT_HEADER, String(requests))
    ctx.set('X-RateLimit-Remaining', String(requests - Math.min(hits, requests)))
    ctx.set('X-RateLimit-Reset', String(reset))
    if (hits >= requests) throw tooMany(reset, TOO_MANY)
  }
}

function isOwnPageAsking(ctx: Context, group: string): boolean {
  const { isOurs, authenticatedBy } = ctx.state
  const isPage = isOurs && authenticatedBy !== 'key' && ctx.get(CONTRIBUTOR_HEADER) !== ''
  return isPage && OWN_PAGE_GROUPS.has(group)
}

/**
 * Bounds how often something may be tried under a name, such as a password for one account; `RATE_LIMIT=off` lifts it.
 *
 * @param limit when left out that of the group, which `RATE_LIMIT` may name.
 * @param reason what is said first when there were too many.
 * @returns counts one try. It throws AppError too-many when there were more than `limit.requests` in the window.
 */
export function limitTries(
  app: App,
  group: string,
  limit = limitOf(app, group),
  reason = TOO_MANY,
): (name: string) => Promise<void> {
  const count = createCounter(app)
  return async (name) => {
    if (!app.config.rateLimit || !limit) return
    const { hits, reset } = await count(`${group}:${hashed(app, name)}`, limit.seconds)
    if (hits > limit.requests) throw tooMany(reset, reason)
  }
}

/** A request that failed before anybody knew whose it is has no contributor. */
interface CallerContext {
  readonly ip: string
  readonly state: Partial<Context['state']>
}

/**
 * Names callers by key, else session, else device, else address: one classroom behind one address is not one caller.
 * All keys of a person are one caller, or else each new key would lift the limit. Other sites send the requests of all
 * their people from one address, so the hashes of addresses are remembered.
 */
function createCallerNames(app: App): (ctx: CallerContext) => string {
  const hashes = new LRUCache<string, string>({
    max: 10_000,
    memoMethod: (address) => hashed(app, address),
  })
  return ({ ip, state: { contributor, authenticatedBy } }) => {
    if (contributor?.kind === 'user') return `${authenticatedBy}-${contributor.userId}`
    if (contributor?.kind === 'device') return `device-${contributor.deviceId}`
    return `address-${hashes.memo(ip)}`
  }
}

/** Addresses of people are not kept in the cache. */
function hashed(app: App, name: string): string {
  return app.sealer.hash('rate', name).toString('base64url', 0, 12)
}
