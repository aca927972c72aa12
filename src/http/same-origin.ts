import { ForbiddenError } from '../lib/errors.ts'
import type { Context, Handler } from './state.ts'

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Whether a request comes from the site itself, or from no page at all: `Sec-Fetch-Site` says so, and where a client
 * does not send it, `Origin` is the site's or missing. This is the CSRF protection of the whole site.
 */
function isOurs(ctx: Context, siteUrl: string): boolean {
  const site = ctx.get('Sec-Fetch-Site')
  if (site) return site === 'same-origin' || site === 'none'
  const origin = ctx.get('Origin')
  return origin === '' || origin === new URL(siteUrl).origin || origin === `${ctx.protocol}://${ctx.host}`
}

/** Marks requests as ours or not. */
export function markOrigin(siteUrl: string): Handler {
  return (ctx, next) => {
    ctx.state.isOurs = isOurs(ctx, siteUrl)
    return next()
  }
}

/** On pages, an unsafe method from another site is refused. */
export const refuseForeignWrites: Handler = (ctx, next) => {
  if (!SAFE.has(ctx.method) && !ctx.state.isOurs) {
    throw new ForbiddenError('This form was sent from another site, so nothing was changed.')
  }
  return next()
}
