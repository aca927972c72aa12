import { Router } from '@koa/router'
import { listWebhookDeliveries, resendWebhook } from '../../domain/webhooks/webhook-service.ts'
import type { WebhookDelivery } from '../../domain/webhooks/webhook-service.ts'
import { leaveFlash } from '../../http/flash.ts'
import { readForm } from '../../http/form.ts'
import { pathId } from '../../http/request-values.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import { InvalidError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { projectCard, projectUrl } from './project-card.ts'
import { ownedProjectOf } from './projects.ts'

/** What a project's webhook was told, for its owners, and telling it again. */
export function webhookRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/project/:shortName/webhook' })

  router.get('/', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const deliveries = await listWebhookDeliveries(ctx.state.db, ctx.state.viewer, owned.project)
    views.render(ctx, 'pages/webhooks/list.html', {
      project: projectCard(owned),
      webhook: owned.project.webhook,
      deliveries: deliveries.map((delivery) => ({ ...delivery, state: stateOf(delivery) })),
    })
  })

  router.post('/', async (ctx) => {
    const { which } = await readForm(ctx)
    if (which !== 'failed' && which !== 'untold')
      throw new InvalidError('Say which deliveries are meant: “failed” or “untold”.')
    await resend(ctx, which)
  })

  router.post('/:id', (ctx) => resend(ctx, { id: pathId(ctx, 'id') }))

  async function resend(ctx: Context, which: { id: number } | 'failed' | 'untold') {
    const { project } = await ownedProjectOf(ctx)
    const count = await resendWebhook(app, ctx.state.db, ctx.state.viewer, project, which)
    leaveFlash(ctx, app, 'webhook-resent', { count: String(count) })
    ctx.redirect(`${projectUrl(project)}webhook`)
  }

  return router
}

function stateOf({ delivered, givenUp }: WebhookDelivery): 'delivered' | 'failed' | 'waiting' {
  if (delivered !== null) return 'delivered'
  return givenUp === null ? 'waiting' : 'failed'
}
