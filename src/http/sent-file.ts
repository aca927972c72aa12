import type { Context } from './state.ts'

/** Makes an answer readable from presenter hosts, which are other origins. */
export function openToPresenters(ctx: Context, caching: string): void {
  ctx.set({
    'Cache-Control': caching,
    'Access-Control-Allow-Origin': '*',
    'Cross-Origin-Resource-Policy': 'cross-origin',
    'X-Content-Type-Options': 'nosniff',
  })
}

/** Whether the browser's copy is the same, and then says so: a reload asks in spite of the year. */
export function isUnchanged(ctx: Context): boolean {
  ctx.status = 200
  if (ctx.fresh) ctx.status = 304
  return ctx.status === 304
}
