import { Router } from '@koa/router'
import { listLatestMails } from '../../domain/mails/mail-service.ts'
import { liftSuppression, listSuppressed } from '../../domain/mails/suppression-service.ts'
import { mustBeAdmin } from '../../domain/users/user-policy.ts'
import { leaveFlash } from '../../http/flash.ts'
import { readForm } from '../../http/form.ts'
import type { RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import type { App } from '../../platform/app.ts'
import { mailRow } from './mail.ts'

/** For admins: addresses that nothing is sent to, and what became of the latest mails. */
export function adminMailRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/admin/mail' })

  router.get('/', async (ctx) => {
    mustBeAdmin(ctx.state.viewer)
    const { db } = ctx.state
    views.render(ctx, 'pages/admin/mail.html', {
      suppressed: await listSuppressed(db),
      mails: (await listLatestMails(db)).map(mailRow),
      delivers: app.mailer.delivers,
    })
  })

  router.post('/allow', async (ctx) => {
    mustBeAdmin(ctx.state.viewer)
    const { address = '' } = await readForm(ctx)
    await liftSuppression(ctx.state.db, address)
    leaveFlash(ctx, app, 'address-allowed', { address })
    ctx.redirect('/admin/mail')
  })

  return router
}
