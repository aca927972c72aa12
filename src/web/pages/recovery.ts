import { Router } from '@koa/router'
import {
  askForConfirmation,
  confirmAddress,
  openConfirmation,
  openRecovery,
  recover,
  sendRecovery,
} from '../../domain/accounts/recovery-service.ts'
import { getAccountState } from '../../domain/accounts/deletion-service.ts'
import { leaveFlash } from '../../http/flash.ts'
import { readForm } from '../../http/form.ts'
import { requireViewer } from '../../http/guards.ts'
import { limitTries } from '../../http/rate-limit.ts'
import { createSessionCookie } from '../../http/sessions.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import { InvalidError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'

/** Mails that somebody may cause to one address, and from one address. */
const MAILS_PER_ACCOUNT = { requests: 5, seconds: 3_600 }
const TRIES_PER_ADDRESS = { requests: 100, seconds: 900 }

const EMPTY: FormView = { values: {}, errors: {} }
const UNCONFIRMED = 'The two passwords are not the same.'

/** Forgotten passwords and addresses to be confirmed, under PyBossa's addresses. Links in mails open a page with a button. */
export function recoveryRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/account' })
  const session = createSessionCookie(app)
  const tryFromAddress = limitTries(app, 'account', TRIES_PER_ADDRESS)
  const tryMail = limitTries(app, 'account-mail', MAILS_PER_ACCOUNT)

  const keyOf = (ctx: Context) => (typeof ctx.query['key'] === 'string' ? ctx.query['key'] : '')

  function showForgotten(ctx: Context, form: FormView, isSent = false) {
    views.render(ctx, 'pages/account/forgot-password.html', { form, isSent })
  }

  router.get('/forgot-password', (ctx) => {
    showForgotten(ctx, EMPTY)
  })

  router.post('/forgot-password', async (ctx) => {
    const { email_addr: pybossas, email = pybossas ?? '' } = await readForm(ctx)
    const again = (form: FormView) => {
      showForgotten(ctx, form)
    }
    await orShowAgain(ctx, { email }, again, async () => {
      if (!email.includes('@')) throw new InvalidError(NO_ADDRESS, { email: NO_ADDRESS })
      await tryFromAddress(ctx.ip)
      await tryMail(email.trim().toLowerCase())
      await sendRecovery(app, ctx.state.db, email)
      showForgotten(ctx, { values: { email }, errors: {} }, true)
    })
  })

  async function showReset(ctx: Context, form: FormView) {
    const { name } = await openRecovery(app, ctx.state.db, keyOf(ctx))
    views.render(ctx, 'pages/account/reset-password.html', { form, name, key: keyOf(ctx) })
  }

  router.get('/reset-password', (ctx) => showReset(ctx, EMPTY))

  router.post('/reset-password', async (ctx) => {
    const form = await readForm(ctx)
    const { new_password: pybossas, password = pybossas ?? '', confirm = password } = form
    await orShowAgain(
      ctx,
      {},
      (view) => showReset(ctx, view),
      async () => {
        await tryFromAddress(ctx.ip)
        if (confirm !== password) throw new InvalidError(UNCONFIRMED, { password: UNCONFIRMED })
        const { sessionId } = await recover(app, ctx.state.db, keyOf(ctx), password, ctx.get('User-Agent'))
        await session.write(ctx, sessionId)
        leaveFlash(ctx, app, 'password-changed')
        ctx.redirect('/account/profile')
      },
    )
  })

  router.get('/register/confirmation', async (ctx) => {
    const { email } = await openConfirmation(app, keyOf(ctx))
    views.render(ctx, 'pages/account/confirmation.html', { email, key: keyOf(ctx) })
  })

  router.post('/register/confirmation', async (ctx) => {
    await confirmAddress(app, ctx.state.db, keyOf(ctx))
    leaveFlash(ctx, app, 'address-confirmed')
    ctx.redirect(ctx.state.viewer ? '/account/profile' : '/')
  })

  router.get('/confirm-email', async (ctx) => {
    const viewer = requireViewer(ctx)
    const { emailConfirmed } = await getAccountState(ctx.state.db, viewer)
    views.render(ctx, 'pages/account/confirm-email.html', { email: viewer.email, emailConfirmed })
  })

  router.post('/confirm-email', async (ctx) => {
    const viewer = requireViewer(ctx)
    await tryMail(viewer.email.toLowerCase())
    await askForConfirmation(app, ctx.state.db, viewer)
    leaveFlash(ctx, app, 'confirmation-sent', { address: viewer.email })
    ctx.redirect('/account/profile')
  })

  return router
}

const NO_ADDRESS = 'Enter the e-mail address of your account.'
