import type { Middleware, ParameterizedContext } from 'koa'
import type { Config } from '../platform/config.ts'
import type { RequestDb } from '../platform/database.ts'
import type { Logger } from '../platform/log.ts'
import type { Sealer } from '../platform/sealing.ts'

/** What pages need of the site that they belong to: the platform, or the deploy server. */
export interface Site {
  readonly config: Pick<Config, 'site' | 'templates'>
  readonly sealer: Sealer
}

/** The signed-in person behind a request. */
export interface Viewer {
  readonly id: number
  readonly name: string
  readonly fullName: string
  readonly email: string
  readonly isAdmin: boolean
  readonly locale: string
}

/** Who would be the contributor of a task run that this request sends. */
export type ContributorKey =
  | { readonly kind: 'user'; readonly userId: number }
  | { readonly kind: 'device'; readonly deviceId: string }
  | { readonly kind: 'external'; readonly projectId: number; readonly externalUid: string }
  | { readonly kind: 'address'; readonly address: string }

/** What the page after a redirect says once: a sentence of templates/components/flash.html, and what stands in it. */
export interface Flash {
  name: string
  values: Record<string, string>
}

/** What every request carries. */
export interface RequestState {
  requestId: string
  log: Logger
  /** The only handle to the database. Does not write unless the method or the route (`writes`) says so. */
  db: RequestDb
  viewer: Viewer | undefined
  /** How the viewer was recognised: a session cookie, an API key, or not at all. */
  authenticatedBy: 'session' | 'key' | undefined
  /** The id of the session's row, when there is a session. */
  sessionId: string | undefined
  contributor: ContributorKey
  /** The request comes from the site's own pages, from no page, or follows a link: cookies and unsafe methods count. */
  isOurs: boolean
  /** What this request left to be said. */
  flash?: Flash
  /** Lets this request write; what a GET route that writes declares by the `writes` middleware. */
  allowWrites: () => void
}

export type Context = ParameterizedContext<RequestState>
export type Handler = Middleware<RequestState>

/** Declares that a route writes although its method is GET. Such routes are listed in docs/routing.md. */
export const writes: Handler = (ctx, next) => {
  ctx.state.allowWrites()
  return next()
}
