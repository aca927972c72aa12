import { createHash, randomUUID } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { UnauthenticatedError } from '../lib/errors.ts'
import type { App } from '../platform/app.ts'
import type { DatabaseUser } from '../platform/database.ts'
import type { PositionUse } from '../platform/own-position.ts'
import { latestPosition, positionTtlSeconds } from '../platform/position.ts'
import { isDatabaseAway, isDatabaseOverloaded } from '../platform/postgres.ts'
import { createSessionCookie, setCookie } from './sessions.ts'
import type { Context, Handler, Viewer } from './state.ts'

/** How the domain knows people; http itself knows no noun of the domain. */
export interface Directory {
  bySession(sessionId: string): Promise<Viewer | undefined>
  byKey(key: string): Promise<Viewer | undefined>
}

/** Revocation of a session or key holds everywhere within this time, in milliseconds. */
const REMEMBER_MS = 10_000

const DEVICE_COOKIE = 'device'
const POSITION_COOKIE = 'position'
const POSITION_HEADER = 'X-Consistency-Token'
/** The primary is away: what is shown may be a moment old, and nothing can be changed. */
const READ_ONLY_HEADER = 'X-Read-Only'
const DEVICE_SECONDS = 365 * 86_400
/** Sent by the contribute page: whose answers it has. */
export const CONTRIBUTOR_HEADER = 'X-Contributor'

type Identified = Pick<Context['state'], 'viewer' | 'authenticatedBy' | 'sessionId'>

/** Finds out who asks: API key, session, device, else address; and opens the request's database handle. */
export function identify(app: App, directory: Directory, session = createSessionCookie(app)): Handler {
  const sessions = remembering((id) => directory.bySession(id))
  const keys = remembering((key) => directory.byKey(key), fingerprint)

  /** Nobody in particular may read pages when nobody can say whose session it is; nothing is done in their name. */
  async function bySession(ctx: Context, sessionId: string): Promise<Viewer | undefined> {
    try {
      return await sessions(sessionId)
    } catch (error) {
      const isPage = ctx.method === 'GET' || ctx.method === 'HEAD'
      if (!isPage || ctx.path.startsWith('/api') || !isDatabaseAway(error) || isDatabaseOverloaded(error))
        throw error
      return undefined
    }
  }

  async function whoAsks(ctx: Context): Promise<Identified> {
    const key = ctx.path.startsWith('/api') ? apiKeyOf(ctx) : undefined
    const byKey = key === undefined ? undefined : await keys(key)
    if (byKey) return { viewer: byKey, authenticatedBy: 'key', sessionId: undefined }
    const sessionId = ctx.state.isOurs ? await session.read(ctx) : undefined
    const viewer = sessionId === undefined ? undefined : await bySession(ctx, sessionId)
    return {
      viewer,
      authenticatedBy: viewer ? 'session' : undefined,
      sessionId: viewer ? sessionId : undefined,
    }
  }

  return async (ctx, next) => {
    Object.assign(ctx.state, await whoAsks(ctx))
    const proven = provenContributors(ctx, app)
    ctx.state.contributor = contributorOf(ctx, app, proven)
    const user: DatabaseUser = {
      position: broughtPosition(ctx, app),
      ...positionNamesOf(ctx, proven),
      writes: !['GET', 'HEAD', 'OPTIONS'].includes(ctx.method),
      // A connection that ends before its answer: nobody would learn what was stored.
      isGone: () => ctx.res.closed && !ctx.res.writableEnded,
    }
    ctx.state.db = app.database.open(user)
    ctx.state.allowWrites = () => {
      user.writes = true
    }
    try {
      await next()
      await tellPosition(ctx, app)
    } catch (error) {
      // What went wrong after a commit: its writer may look for what was stored all the same.
      await tellPosition(ctx, app).catch(() => undefined)
      throw error
    } finally {
      if (ctx.state.db.isReadOnly()) ctx.set(READ_ONLY_HEADER, 'yes')
    }
  }
}

/**
 * Under which names the position of this caller is remembered: as the person, as the browser, and as whom another site
 * speaks for. API callers who are none of these are known by their address.
 */
function positionNamesOf(
  ctx: Context,
  proven: readonly Contributor[],
): Required<Pick<DatabaseUser, 'positionNames' | 'keepsPosition'>> {
  const isApi = ctx.path.startsWith('/api')
  const own = proven.flatMap((who) => {
    if (who.kind === 'user') return [`user:${who.userId}`]
    return who.kind === 'device' ? [`device:${who.deviceId}`] : []
  })
  return {
    positionNames(use) {
      const names = [...own, ...externalNames(ctx, use)]
      // What is written for other sites' people is not put down to their address, which may be a school's.
      const isByAddress = isApi && own.length === 0 && (use === 'look' || names.length === 0)
      return isByAddress ? [...names, `address:${ctx.ip}`] : names
    },
    keepsPosition: !isApi || (own.length > 0 && ctx.state.authenticatedBy !== 'key'),
  }
}

/**
 * Those whom another site speaks for are known within a project once their token was verified. Whoever only reads may say
 * whom it is about, of any project: a position is no secret.
 */
function externalNames(ctx: Context, use: PositionUse): string[] {
  const { contributor: who } = ctx.state
  const { project_id: project, external_uid: uid } = ctx.query
  if (who.kind === 'external') {
    const name = `external:${who.projectId}:${who.externalUid}`
    return use === 'remember' ? [name, `external::${who.externalUid}`] : [name]
  }
  if (use === 'remember' || typeof uid !== 'string') return []
  return [`external:${typeof project === 'string' ? project : ''}:${uid}`]
}

/** The raw key: PyBossa's clients send it in the query, or bare in the Authorization header. */
function apiKeyOf(ctx: Context): string | undefined {
  const header = ctx.get('Authorization')
  if (header && !/^Bearer /i.test(header)) return header
  const { api_key: key } = ctx.query
  return typeof key === 'string' && key ? key : undefined
}

type Contributor = Context['state']['contributor']

/**
 * Who contributes by this request. A page that names its contributor gets that one or none: an answer given before
 * somebody signed in belongs to the device, and one given before a session ended waits until that person is back.
 *
 * @throws UnauthenticatedError when the request cannot prove to come from the contributor it names.
 */
function contributorOf(ctx: Context, app: App, proven: readonly Contributor[]): Contributor {
  const mark = ctx.path.startsWith('/api') ? ctx.get(CONTRIBUTOR_HEADER) : ''
  const contributor = mark ? proven.find((one) => contributorMark(app, one) === mark) : proven[0]
  if (!contributor)
    throw new UnauthenticatedError('You are not the person who opened this page. Sign in again.')
  return contributor
}

/** The one who would be asked for first comes first. */
function provenContributors(ctx: Context, app: App): Contributor[] {
  const { viewer, isOurs } = ctx.state
  const deviceId = isOurs ? deviceOf(ctx, app) : undefined
  return [
    ...(viewer ? [{ kind: 'user', userId: viewer.id } as const] : []),
    ...(deviceId === undefined ? [] : [{ kind: 'device', deviceId } as const]),
    { kind: 'address', address: ctx.ip },
  ]
}

/** A text that is the same as long as the contributor is the same, and says nothing else. */
export function contributorMark(app: App, contributor: Contributor): string {
  return app.sealer.hash('page', JSON.stringify(contributor)).toString('base64url', 0, 12)
}

function deviceOf(ctx: Context, app: App): string | undefined {
  const cookie = ctx.cookies.get(DEVICE_COOKIE)
  return cookie ? app.sealer.verify('device', cookie) : undefined
}

/**
 * Makes this browser a contributor of its own, unless it is one or somebody is signed in. Only the contribute page
 * calls it: no other answer sets the device cookie.
 *
 * @param countNew bounds how many devices one address brings; each would have a rate limit of its own.
 */
export async function ensureDevice(
  ctx: Context,
  app: App,
  countNew: (address: string) => Promise<void>,
): Promise<void> {
  if (ctx.state.viewer || deviceOf(ctx, app) !== undefined) return
  await countNew(ctx.ip)
  const deviceId = randomUUID()
  setCookie(ctx, DEVICE_COOKIE, app.sealer.sign('device', deviceId), {
    seconds: DEVICE_SECONDS,
    secure: app.config.site.url.startsWith('https:'),
  })
  ctx.state.contributor = { kind: 'device', deviceId }
}

/** The position that the caller's reads must see: the later of its cookie's and its header's, unless forged or old. */
function broughtPosition(ctx: Context, app: App): string | undefined {
  if (!app.config.database.hasReplicas) return undefined
  const tokens = [ctx.cookies.get(POSITION_COOKIE), ctx.get(POSITION_HEADER)]
  return latestPosition(tokens.flatMap((token) => (token ? positionOf(token, app) : [])))
}

function positionOf(token: string, app: App): string[] {
  const [position, issued] = app.sealer.verify('position', token)?.split('@') ?? []
  const isOld = Date.now() / 1000 - Number(issued) > positionTtlSeconds
  return position === undefined || isOld ? [] : [position]
}

async function tellPosition(ctx: Context, app: App): Promise<void> {
  const position = await ctx.state.db.position()
  if (position === undefined) return
  const token = app.sealer.sign('position', `${position}@${Math.floor(Date.now() / 1000)}`)
  ctx.set(POSITION_HEADER, token)
  if (ctx.state.isOurs) {
    setCookie(ctx, POSITION_COOKIE, token, {
      seconds: positionTtlSeconds,
      secure: app.config.site.url.startsWith('https:'),
    })
  }
}

/** Caches what `find` says for ten seconds; who is not found is asked for again each time. */
function remembering(
  find: (key: string) => Promise<Viewer | undefined>,
  nameOf: (key: string) => string = (key) => key,
): (key: string) => Promise<Viewer | undefined> {
  const known = new LRUCache<string, Viewer>({ max: 10_000, ttl: REMEMBER_MS })
  return async (key) => {
    const name = nameOf(key)
    const viewer = known.get(name) ?? (await find(key))
    if (viewer && !known.has(name)) known.set(name, viewer)
    return viewer
  }
}

function fingerprint(key: string): string {
  return createHash('sha256').update(key).digest('base64')
}
