import type { Context } from './state.ts'

/**
 * Whether a page is asked for as JSON: as PyBossa's clients do, by the content type of the request (of a GET too) or by
 * `response_format=json`; or by an Accept header that prefers JSON.
 */
export function wantsJson(ctx: Context): boolean {
  return (
    ctx.get('Content-Type') === 'application/json' ||
    ctx.query['response_format'] === 'json' ||
    ctx.accepts('html', 'json') === 'json'
  )
}
