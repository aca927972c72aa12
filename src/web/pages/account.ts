import { Router } from '@koa/router'
import { getAccountState } from '../../domain/accounts/deletion-service.ts'
import { sendWelcome } from '../../domain/accounts/recovery-service.ts'
import { sendSignInCode } from '../../domain/accounts/sign-in-code-service.ts'
import { listOwnedProjects } from '../../domain/projects/project-service.ts'
import {
  checkCredentials,
  getAvatar,
  registerUser,
  signIn,
  signOut,
} from '../../domain/users/user-service.ts'
import type { User } from '../../domain/users/user-service.ts'
import { InvalidError } from '../../lib/errors.ts'
import type { FieldErrors } from '../../lib/errors.ts'
import { leaveFlash } from '../../http/flash.ts'
import { readForm } from '../../http/form.ts'
import { requireViewer } from '../../http/guards.ts'
import { limitTries } from '../../http/rate-limit.ts'
import { createSessionCookie } from '../../http/sessions.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import type { App } from '../../platform/app.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'
import { projectCard } from './project-card.ts'
import { safeNext } from './safe-next.ts'
import { codePageOf } from './sign-in-code.ts'

/** For one account and one address; a whole class signs up from behind one address. */
const TRIES_PER_ACCOUNT = { requests: 20, seconds: 900 }
const TRIES_PER_ADDRESS = { requests: 100, seconds: 900 }

const UNCONFIRMED = 'The two passwords are not the same.'

/** A form under our names: scripts that were written for PyBossa send its own. */
function accountForm({
  fullname,
  email_addr: email,
  ...rest
}: Record<string, string>): Record<string, string> {
  return {
    ...(fullname === undefined ? {} : { fullName: fullname }),
    ...(email === undefined ? {} : { email }),
    ...rest,
  }
}

/** Sign-up, sign-in and a person's own account. */
export function accountRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/account' })
  const session = createSessionCookie(app)
  const tryFromAddress = limitTries(app, 'account', TRIES_PER_ADDRESS)
  const tryAccount = limitTries(app, 'signin', TRIES_PER_ACCOUNT)

  async function welcome(ctx: Context, { sessionId }: { user: User; sessionId: string }, next: string) {
    await session.write(ctx, sessionId)
    ctx.redirect(next)
  }

  function showForm(
    ctx: Context,
    template: string,
    values: Record<string, string>,
    errors: FieldErrors = {},
  ) {
    const { password: _, confirm: __, ...kept } = values
    views.render(ctx, template, { form: { values: kept, errors }, next: safeNext(values['next']) })
  }

  router.get('/register', (ctx) => {
    showForm(ctx, 'pages/account/register.html', { next: safeNext(ctx.query['next']) })
  })

  router.post('/register', async (ctx) => {
    const values = accountForm(await readForm(ctx))
    const { fullName = '', name = '', email = '', password = '', confirm = password } = values
    const again = ({ errors }: FormView) => {
      showForm(ctx, 'pages/account/register.html', values, errors)
    }
    await orShowAgain(ctx, values, again, async () => {
      await tryFromAddress(ctx.ip)
      if (confirm !== password) throw new InvalidError(UNCONFIRMED, { password: UNCONFIRMED })
      const form = { fullName, name, email, password }
      const registered = await registerUser(ctx.state.db, form, {
        userAgent: ctx.get('User-Agent'),
        also: (tx, user) => sendWelcome(app, tx, user),
        refusedDomains: app.config.mail.refusedDomains,
      })
      const next = safeNext(values['next'])
      if (next === '') leaveFlash(ctx, app, 'welcome', { name: registered.user.fullName })
      await welcome(ctx, registered, next || '/account/projects')
    })
  })

  router.get('/signin', (ctx) => {
    showForm(ctx, 'pages/account/signin.html', { next: safeNext(ctx.query['next']) })
  })

  router.post('/signin', async (ctx) => {
    const values = accountForm(await readForm(ctx))
    const { email = '', password = '' } = values
    const again = ({ errors }: FormView) => {
      showForm(ctx, 'pages/account/signin.html', values, errors)
    }
    await orShowAgain(ctx, values, again, async () => {
      await tryFromAddress(ctx.ip)
      // From this address only: nobody can shut somebody else out.
      await tryAccount(`${ctx.ip} ${email.trim().toLowerCase()}`)
      const next = safeNext(values['next'])
      if (app.config.accounts.hasSignInCodes) {
        const user = await checkCredentials(ctx.state.db, { email, password })
        ctx.redirect(codePageOf(await sendSignInCode(app, ctx.state.db, user), next))
        return
      }
      const signedIn = await signIn(ctx.state.db, { email, password }, ctx.get('User-Agent'))
      await welcome(ctx, signedIn, next || '/')
    })
  })

  router.post('/signout', async (ctx) => {
    if (ctx.state.sessionId !== undefined) await signOut(ctx.state.db, ctx.state.sessionId)
    session.clear(ctx)
    ctx.redirect('/')
  })

  router.get('/projects', async (ctx) => {
    const owned = await listOwnedProjects(ctx.state.db, requireViewer(ctx))
    views.render(ctx, 'pages/account/projects.html', { projects: owned.map(projectCard) })
  })

  router.get('/profile', async (ctx) => {
    const user = requireViewer(ctx)
    const state = await getAccountState(ctx.state.db, user)
    const avatarUrl = await getAvatar(ctx.state.db, user.id)
    views.render(ctx, 'pages/account/profile.html', { user, avatarUrl, state })
  })

  return router
}
