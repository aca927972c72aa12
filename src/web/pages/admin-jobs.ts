import { Router } from '@koa/router'
import {
  dismissFailure,
  dismissFailures,
  listFailures,
  retryFailure,
  retryFailures,
} from '../../domain/failures/failure-service.ts'
import { leaveFlash } from '../../http/flash.ts'
import { readForm } from '../../http/form.ts'
import { pathId } from '../../http/request-values.ts'
import type { RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import type { App } from '../../platform/app.ts'

/** For admins: jobs that failed for good, to be tried again or dismissed. */
export function adminJobRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/admin/jobs' })

  router.get('/', async (ctx) => {
    const { latest, counts } = await listFailures(ctx.state.db, ctx.state.viewer)
    views.render(ctx, 'pages/admin/jobs.html', {
      counts,
      total: counts.reduce((sum, { count }) => sum + count, 0),
      failures: latest.map((failure) => ({ ...failure, payload: JSON.stringify(failure.payload) })),
    })
  })

  router.post('/retry', async (ctx) => {
    const { job = '' } = await readForm(ctx)
    await retryFailures(app, ctx.state.db, ctx.state.viewer, job)
    leaveFlash(ctx, app, 'jobs-retried', { job })
    ctx.redirect('/admin/jobs')
  })

  router.post('/dismiss', async (ctx) => {
    const { job = '', until = '' } = await readForm(ctx)
    const count = await dismissFailures(ctx.state.db, ctx.state.viewer, { job, until })
    leaveFlash(ctx, app, 'jobs-dismissed', { job, count: String(count) })
    ctx.redirect('/admin/jobs')
  })

  router.post('/:id/retry', async (ctx) => {
    const { job } = await retryFailure(app, ctx.state.db, ctx.state.viewer, pathId(ctx, 'id'))
    leaveFlash(ctx, app, 'job-retried', { job })
    ctx.redirect('/admin/jobs')
  })

  router.post('/:id/dismiss', async (ctx) => {
    const { job } = await dismissFailure(ctx.state.db, ctx.state.viewer, pathId(ctx, 'id'))
    leaveFlash(ctx, app, 'job-dismissed', { job })
    ctx.redirect('/admin/jobs')
  })

  return router
}
