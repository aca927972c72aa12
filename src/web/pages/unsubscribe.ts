import { Router } from '@koa/router'
import { choose, isSubscribed, openUnsubscribeToken } from '../../domain/mails/choice-service.ts'
import { readForm } from '../../http/form.ts'
import { pathText } from '../../http/request-values.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import type { App } from '../../platform/app.ts'

/**
 * Ends one kind of notice without signing in: the address itself proves whose it is. Mail programs post to it with one
 * click (RFC 8058); people who open it get a page with a button, since programs that look into mails open links too.
 */
export function unsubscribeRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/account/mail/unsubscribe' })

  const subscriptionOf = (ctx: Context) => openUnsubscribeToken(app, pathText(ctx, 'token'))

  router.get('/:token', async (ctx) => {
    const subscription = subscriptionOf(ctx)
    const isOn = await isSubscribed(ctx.state.db, subscription)
    views.render(ctx, 'pages/mail/unsubscribe.html', { kind: subscription.kind, isOn })
  })

  router.post('/:token', async (ctx) => {
    const subscription = subscriptionOf(ctx)
    // Some mail programs post a form of another kind; only our own page asks for anything but the end.
    const isOn = ctx.is('urlencoded') ? (await readForm(ctx))['wanted'] === 'on' : false
    await choose(ctx.state.db, subscription, isOn)
    views.render(ctx, 'pages/mail/unsubscribe.html', { kind: subscription.kind, isOn })
  })

  return router
}
