import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import Koa from 'koa'
import type { Middleware } from 'koa'
import helmet from 'koa-helmet'
import type { Config } from '../platform/config.ts'
import type { Handler } from './state.ts'

/** What neither the site nor a frame in it may ask of a visitor's device; only the site's own buttons copy. */
const NO_PERMISSIONS = 'camera=(), clipboard-write=(self), geolocation=(), microphone=()'

/** What matters of data, which nobody shows as a page: all of them would be longer than most answers of the API. */
const OF_DATA = new Set(['strict-transport-security', 'x-content-type-options', 'x-frame-options'])

/**
 * Headers of every answer of the site's own origin: no inline script or style, frames only from the presenter hosts,
 * nobody may frame us. No nonces, since pages are cached.
 */
export async function securityHeaders(config: Pick<Config, 'site'>): Promise<Handler> {
  const isHttps = config.site.url.startsWith('https:')
  const presenters = config.site.presenterOrigin.replace('p{id}', '*').replace('{id}', '*')
  const { media, files } = otherOrigins(config)
  const middleware = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'", ...files],
        styleSrc: ["'self'", ...files],
        imgSrc: ["'self'", 'data:', ...new Set([...media, ...files])],
        mediaSrc: ["'self'", ...media],
        fontSrc: ["'self'", ...files],
        connectSrc: ["'self'"],
        frameSrc: ["'self'", presenters],
        frameAncestors: ["'none'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        objectSrc: ["'none'"],
      },
    },
    crossOriginEmbedderPolicy: false,
    crossOriginResourcePolicy: false,
    // The presenter frame needs no referrer, and no other site needs to know where a visitor came from.
    referrerPolicy: { policy: 'same-origin' },
    strictTransportSecurity: isHttps,
  })
  // Pages with a presenter say otherwise, where its owner does.
  const ofPages = { ...(await headersOf(middleware)), 'Permissions-Policy': NO_PERMISSIONS }
  const ofData = {
    ...Object.fromEntries(Object.entries(ofPages).filter(([name]) => OF_DATA.has(name))),
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  }
  return (ctx, next) => {
    ctx.set(ctx.path.startsWith('/api/') ? ofData : ofPages)
    return next()
  }
}

/** Where a CDN has what pages show, each at most one: files that people sent, and the site's own styles and scripts. */
export function otherOrigins({ site }: Pick<Config, 'site'>): { media: string[]; files: string[] } {
  const own = new URL(site.url).origin
  const unlessOwn = (url: string) => [new URL(url).origin].filter((origin) => origin !== own)
  return { media: unlessOwn(site.mediaUrl), files: unlessOwn(site.staticUrl ?? site.url) }
}

/** What a middleware sets whatever is asked for: worked out once, it costs a request next to nothing. */
async function headersOf(middleware: Middleware): Promise<Record<string, string>> {
  const response = new ServerResponse(new IncomingMessage(new Socket()))
  await middleware(new Koa().createContext(response.req, response), () => Promise.resolve())
  return Object.fromEntries(
    Object.entries(response.getHeaders()).map(([name, value]) => [name, String(value)]),
  )
}
