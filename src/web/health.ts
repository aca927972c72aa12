import { Router } from '@koa/router'
import { z } from 'zod'
import type { RequestState } from '../http/state.ts'
import type { App } from '../platform/app.ts'
import type { Hold } from '../platform/hold.ts'
import { runningRelease } from '../platform/release.ts'
import type { Draining } from './draining.ts'

/** Who asks again and again tells its name, and how often it must hear no before it sends nothing more. */
const Probe = z.object({
  prober: z.string().min(1).max(100),
  fall: z.coerce.number().int().min(1).max(100).catch(1),
})

/**
 * GET /healthz: the process lives, and of which release it is. GET /readyz: it can serve, is not about to end, and nobody
 * holds it back ("held": that is all that is missing). With `without=database` it forgives that the database is away.
 */
export function healthRoutes(
  app: Pick<App, 'database'>,
  draining: Draining,
  hold: Hold,
): Router<RequestState> {
  // By one name each, so that a proxy can close it.
  const router = new Router<RequestState>({ strict: true, sensitive: true })
  const release = runningRelease()
  const { readiness } = app.database

  router.get('/healthz', (ctx) => {
    ctx.body = { status: 'alive', release }
  })

  router.get('/readyz', async (ctx) => {
    const isForgiving = ctx.query['without'] === 'database'
    const trouble = draining.hasBegun
      ? 'draining'
      : ((isForgiving ? readiness.troubleBesidesAway() : await readiness.trouble()) ??
        (hold.isOn ? 'held' : undefined))
    ctx.status = trouble === undefined ? 200 : 503
    ctx.set('Cache-Control', 'no-store')
    ctx.body = { status: trouble ?? 'ready' }
    const probe = Probe.safeParse(ctx.query)
    if (probe.success) draining.noteProbe(probe.data, trouble === undefined)
  })

  return router
}
