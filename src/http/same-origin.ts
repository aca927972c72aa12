import { ForbiddenError } from '../lib/errors.ts'
import type { Context, Handler } from './state.ts'

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Whether a request comes from the site itself, or from no page at all: `Sec-Fetch-Site` says so, and where a client
 * does not send it, `Origin` is the site's or missing. This is the CSRF protection of the whole site.
 */
function isOurs(ctx: Context, siteUrl: string): boolean {
  const site = ctx.get('Sec-Fetch-Site')
  if (site) return site === 'same-origin' || site === 'none' || isVisit(ctx)
  const origin = ctx.get('Origin')
  return origin === '' || origin === new URL(siteUrl).origin || origin === `${ctx.protocol}://${ctx.host}`
}

/** Somebody follows a link to a page from elsewhere, such as a mail: the person is the same as on the page before. */
function isVisit(ctx: Context): boolean {
  const isWholePage = ctx.get('Sec-Fetch-Mode') === 'navigate' && ctx.get('Sec-Fetch-Dest') === 'document'
  return isWholePage && SAFE.has(ctx.method) && !ctx.path.startsWith('/api')
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
