import { Router } from '@koa/router'
import { getChoices, saveChoices } from '../../domain/mails/choice-service.ts'
import { getMailFor, listMailsFor } from '../../domain/mails/mail-service.ts'
import type { Mail } from '../../domain/mails/mail-service.ts'
import { getSuppression, liftSuppression } from '../../domain/mails/suppression-service.ts'
import { leaveFlash } from '../../http/flash.ts'
import { readForm } from '../../http/form.ts'
import { requireViewer } from '../../http/guards.ts'
import { pathId } from '../../http/request-values.ts'
import type { RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import type { App } from '../../platform/app.ts'

/** A mail's own styles stand inline; it may do nothing else, whoever wrote it. */
const MAIL_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox allow-popups"

/** The mails that the site sent to a person, or would have sent where it has no mail server, and which they want. */
export function mailRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/account/mail' })

  router.get('/', async (ctx) => {
    const viewer = requireViewer(ctx)
    const { db } = ctx.state
    views.render(ctx, 'pages/mail/list.html', {
      mails: (await listMailsFor(db, viewer)).map(mailRow),
      delivers: app.mailer.delivers,
      suppression: (await getSuppression(db, viewer.email)) ?? null,
    })
  })

  // Whoever reads this page signs in with that address: it takes mail again, or comes back again.
  router.post('/allow', async (ctx) => {
    const { email } = requireViewer(ctx)
    await liftSuppression(ctx.state.db, email)
    leaveFlash(ctx, app, 'address-allowed', { address: email })
    ctx.redirect('/account/mail')
  })

  router.get('/choices', async (ctx) => {
    const choices = await getChoices(ctx.state.db, requireViewer(ctx))
    views.render(ctx, 'pages/mail/choices.html', { choices })
  })

  router.post('/choices', async (ctx) => {
    const viewer = requireViewer(ctx)
    const wanted = Object.entries(await readForm(ctx)).filter(([, value]) => value === 'on')
    await saveChoices(ctx.state.db, viewer, new Set(wanted.map(([kind]) => kind)))
    leaveFlash(ctx, app, 'choices-saved')
    ctx.redirect('/account/mail/choices')
  })

  router.get('/:id', async (ctx) => {
    const mail = await getMailFor(app, ctx.state.db, requireViewer(ctx), pathId(ctx, 'id'))
    views.render(ctx, 'pages/mail/show.html', {
      mail: mailRow(mail),
      lines: mail.textBody.split('\n').map(withLink),
    })
  })

  router.get('/:id/html', async (ctx) => {
    const mail = await getMailFor(app, ctx.state.db, requireViewer(ctx), pathId(ctx, 'id'))
    ctx.set('Content-Security-Policy', MAIL_POLICY)
    ctx.set('Cache-Control', 'private, no-store')
    ctx.type = 'text/html; charset=utf-8'
    ctx.body = mail.htmlBody
  })

  return router
}

/** What lists and pages show of a mail. */
export function mailRow({ id, recipient, subject, created, sent, error, kind }: Mail) {
  return { id, recipient, subject, created, sent, error, isNotice: kind !== null }
}

/** A line of text, and the address at its end if it has one. */
function withLink(line: string): { text: string; url: string | null } {
  const [whole = '', text = '', url = ''] = /^(.*?)(https?:\/\/\S+)$/.exec(line) ?? []
  return whole === '' ? { text: line, url: null } : { text, url }
}
