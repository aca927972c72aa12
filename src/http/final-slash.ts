import type { Router } from '@koa/router'
import type { Handler, RequestState } from './state.ts'

/** A page's address without its final slash leads to the page, as on PyBossa: people write links so. */
export function finalSlash(pages: Router<RequestState>): Handler {
  return async (ctx, next) => {
    const isRead = ctx.method === 'GET' || ctx.method === 'HEAD'
    if (!isRead || !pages.match(`${ctx.path}/`, ctx.method).route) {
      await next()
      return
    }
    ctx.status = 301
    ctx.redirect(`${ctx.path}/${ctx.search}`)
  }
}
