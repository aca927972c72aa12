import { ForbiddenError, InvalidError } from '../lib/errors.ts'
import type { Sealer } from '../platform/sealing.ts'
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

const PURPOSE = 'csrf'

/** What JSON forms of pages carry, because PyBossa's clients send it back. It opens nothing: the origin decides. */
export function csrfToken(sealer: Sealer): string {
  return sealer.sign(PURPOSE, String(Math.floor(Date.now() / 1000)))
}

/** A token that is sent has to be one of ours, as on PyBossa; none has to be sent. */
export function refuseForgedTokens(sealer: Sealer): Handler {
  return (ctx, next) => {
    const token = ctx.get('X-CSRFToken')
    if (token && !SAFE.has(ctx.method) && sealer.verify(PURPOSE, token) === undefined)
      throw new InvalidError('The CSRF token is not one of this site.')
    return next()
  }
}
