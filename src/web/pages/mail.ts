import { Router } from '@koa/router'
import { getMailFor, listMailsFor } from '../../domain/mails/mail-service.ts'
import { requireViewer } from '../../http/guards.ts'
import { pathId } from '../../http/request-values.ts'
import type { RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import type { App } from '../../platform/app.ts'

/** The mails that the site sent to a person, or would have sent where it has no mail server. */
export function mailRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/account/mail' })

  router.get('/', async (ctx) => {
    const mails = await listMailsFor(ctx.state.db, requireViewer(ctx))
    views.render(ctx, 'pages/mail/list.html', { mails, delivers: app.mailer.delivers })
  })

  router.get('/:id', async (ctx) => {
    const mail = await getMailFor(ctx.state.db, requireViewer(ctx), pathId(ctx, 'id'))
    views.render(ctx, 'pages/mail/show.html', { mail, lines: mail.textBody.split('\n').map(withLink) })
  })

  return router
}

/** A line of text, and the address at its end if it has one. */
function withLink(line: string): { text: string; url: string | null } {
  const [whole = '', text = '', url = ''] = /^(.*?)(https?:\/\/\S+)$/.exec(line) ?? []
  return whole === '' ? { text: line, url: null } : { text, url }
}
