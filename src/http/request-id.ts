import { randomUUID } from 'node:crypto'
import type { Logger } from '../platform/log.ts'
import { runInContext } from '../platform/request-context.ts'
import type { Handler } from './state.ts'

/**
 * Gives each request an id: the proxy's, when the proxy is trusted and it looks like one, else a new one. Everything
 * below logs, queries and enqueues under it, and the answer carries it.
 */
export function requestId(log: Logger, trustProxy: boolean): Handler {
  return async (ctx, next) => {
    const given = trustProxy ? ctx.get('X-Request-Id') : ''
    const id = /^[\w-]{8,64}$/.test(given) ? given : randomUUID()
    ctx.state.requestId = id
    ctx.set('X-Request-Id', id)
    await runInContext({ requestId: id }, async () => {
      ctx.state.log = log
      const started = performance.now()
      await next()
      log.debug(
        { method: ctx.method, path: ctx.path, status: ctx.status, ms: performance.now() - started },
        'request',
      )
    })
  }
}
