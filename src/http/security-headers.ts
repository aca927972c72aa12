import helmet from 'koa-helmet'
import type { Config } from '../platform/config.ts'
import type { Handler } from './state.ts'

/**
 * Headers of every answer of the site's own origin: no inline script or style, frames only from the presenter hosts,
 * nobody may frame us. No nonces, since pages are cached.
 */
export function securityHeaders(config: Config): Handler {
  const isHttps = config.site.url.startsWith('https:')
  const presenters = config.site.presenterOrigin.replace('p{id}', '*').replace('{id}', '*')
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'"],
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
}
