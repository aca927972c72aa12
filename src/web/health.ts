import { Router } from '@koa/router'
import type { RequestState } from '../http/state.ts'
import type { App } from '../platform/app.ts'

/** GET /healthz: the process lives. GET /readyz: it can serve, that is, both databases answer. */
export function healthRoutes(app: Pick<App, 'database'>): Router<RequestState> {
  const router = new Router<RequestState>()

  router.get('/healthz', (ctx) => {
    ctx.body = { status: 'alive' }
  })

  router.get('/readyz', async (ctx) => {
    const isReady = await app.database.isReady()
    ctx.status = isReady ? 200 : 503
    ctx.body = { status: isReady ? 'ready' : 'database away' }
  })

  return router
}
