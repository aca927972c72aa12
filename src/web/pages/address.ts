import { Router } from '@koa/router'
import { askForAddress, changeAddress, openAddressChange } from '../../domain/accounts/address-service.ts'
import { leaveFlash } from '../../http/flash.ts'
import { readForm } from '../../http/form.ts'
import { requireViewer } from '../../http/guards.ts'
import { limitTries } from '../../http/rate-limit.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import type { App } from '../../platform/app.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'

/** Passwords that somebody who is signed in may try, and mails that they may cause to one address. */
const TRIES_PER_ACCOUNT = { requests: 20, seconds: 900 }
const MAILS_PER_ADDRESS = { requests: 5, seconds: 3_600 }

/** Another e-mail address: asked for with the password, proved by a link in a mail that leads to a button. */
export function addressRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/account/email' })
  const tryPassword = limitTries(app, 'password', TRIES_PER_ACCOUNT)
  const tryMail = limitTries(app, 'account-mail', MAILS_PER_ADDRESS)

  const keyOf = (ctx: Context) => (typeof ctx.query['key'] === 'string' ? ctx.query['key'] : '')

  function show(ctx: Context, form: FormView) {
    views.render(ctx, 'pages/account/email.html', { email: requireViewer(ctx).email, form })
  }

  router.get('/', (ctx) => {
    show(ctx, { values: {}, errors: {} })
  })

  router.post('/', async (ctx) => {
    const viewer = requireViewer(ctx)
    const { email_addr: pybossas, email = pybossas ?? '', password = '' } = await readForm(ctx)
    const again = (form: FormView) => {
      show(ctx, form)
    }
    await orShowAgain(ctx, { email }, again, async () => {
      await tryPassword(String(viewer.id))
      await tryMail(email.trim().toLowerCase())
      await askForAddress(app, ctx.state.db, { email, password }, viewer)
      leaveFlash(ctx, app, 'address-asked', { address: email.trim() })
      ctx.redirect('/account/profile')
    })
  })

  async function showConfirm(ctx: Context, form: FormView) {
    const key = keyOf(ctx)
    const { from, to } = await openAddressChange(app, ctx.state.db, requireViewer(ctx), key)
    views.render(ctx, 'pages/account/email-confirm.html', { from, to, key, form })
  }

  // Only for who is signed in: the new address may be mistyped, and somebody else's.
  router.get('/confirm', (ctx) => showConfirm(ctx, { values: {}, errors: {} }))

  router.post('/confirm', async (ctx) => {
    await orShowAgain(
      ctx,
      {},
      (form) => showConfirm(ctx, form),
      async () => {
        const address = await changeAddress(app, ctx.state.db, requireViewer(ctx), keyOf(ctx))
        leaveFlash(ctx, app, 'address-changed', { address })
        ctx.redirect('/account/profile')
      },
    )
  })

  return router
}
