import type { Context, Handler } from '../../http/state.ts'
import { isApi } from './address.ts'

const HEADERS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers':
    'X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Consistency-Token, X-Read-Only, Retry-After',
  'Access-Control-Allow-Headers': 'Content-Type, Authorization, Idempotency-Key, X-Consistency-Token',
  'Access-Control-Allow-Methods': 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
  'Access-Control-Max-Age': '21600',
  'Cache-Control': 'private, no-store',
}

/**
 * The API is readable from everywhere, without credentials; its own headers too. A browser's question whether it
 * may send something is answered here, and costs the caller nothing.
 */
export const openToAll: Handler = async (ctx, next) => {
  if (isApi(ctx.path)) {
    ctx.set(HEADERS)
    if (ctx.method === 'OPTIONS') {
      ctx.body = ''
      return
    }
  }
  await next()
}

/** Counts every request of the API whose sender is known by now. */
export function counted(count: (ctx: Context) => Promise<void>): Handler {
  return async (ctx, next) => {
    if (isApi(ctx.path)) await count(ctx)
    await next()
  }
}
