import { Router } from '@koa/router'
import type { DefaultContext } from 'koa'
import {
  createApiKey,
  listKeys,
  registerUser,
  revokeKey,
  signIn,
  signOut,
} from '../../domain/users/user-service.ts'
import type { User } from '../../domain/users/user-service.ts'
import { AppError } from '../../lib/errors.ts'
import type { FieldErrors } from '../../lib/errors.ts'
import { readForm } from '../../http/form.ts'
import { requireViewer } from '../../http/guards.ts'
import { createSessionCookie } from '../../http/sessions.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import type { App } from '../../platform/app.ts'

/** Where people go after signing in: a path of this site, never another site. */
function safeNext(next: unknown): string {
  return typeof next === 'string' && /^\/(?![/\\])/.test(next) ? next : '/'
}

/** Sign-up, sign-in and a person's own account. */
export function accountRoutes(app: App, views: Views): Router<RequestState, DefaultContext> {
  const router = new Router<RequestState, DefaultContext>({ prefix: '/account' })
  const session = createSessionCookie(app)

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
    const { password: _, ...kept } = values
    if (Object.keys(errors).length > 0) ctx.status = 422
    views.render(ctx, template, { form: { values: kept, errors }, next: safeNext(values['next']) })
  }

  /** Runs a form's action; what it refuses comes back beside the fields, with what was typed. */
  async function orShowAgain(
    ctx: Context,
    template: string,
    values: Record<string, string>,
    action: () => Promise<void>,
  ) {
    try {
      await action()
    } catch (error) {
      if (!(error instanceof AppError) || error.kind !== 'invalid') throw error
      showForm(ctx, template, values, error.fields)
    }
  }

  router.get('/register', (ctx) => {
    showForm(ctx, 'pages/account/register.html', { next: safeNext(ctx.query['next']) })
  })

  router.post('/register', async (ctx) => {
    const values = await readForm(ctx)
    const { fullName = '', name = '', email = '', password = '' } = values
    await orShowAgain(ctx, 'pages/account/register.html', values, async () => {
      const form = { fullName, name, email, password }
      await welcome(
        ctx,
        await registerUser(ctx.state.db, form, ctx.get('User-Agent')),
        safeNext(values['next']),
      )
    })
  })

  router.get('/signin', (ctx) => {
    showForm(ctx, 'pages/account/signin.html', { next: safeNext(ctx.query['next']) })
  })

  router.post('/signin', async (ctx) => {
    const values = await readForm(ctx)
    const { email = '', password = '' } = values
    await orShowAgain(ctx, 'pages/account/signin.html', values, async () => {
      await welcome(
        ctx,
        await signIn(ctx.state.db, { email, password }, ctx.get('User-Agent')),
        safeNext(values['next']),
      )
    })
  })

  router.post('/signout', async (ctx) => {
    if (ctx.state.sessionId !== undefined) await signOut(ctx.state.db, ctx.state.sessionId)
    session.clear(ctx)
    ctx.redirect('/')
  })

  async function showProfile(ctx: Context, extra: { newKey?: string; errors?: FieldErrors } = {}) {
    const viewer = requireViewer(ctx)
    views.render(ctx, 'pages/account/profile.html', {
      user: viewer,
      keys: await listKeys(ctx.state.db, viewer),
      newKey: extra.newKey,
      form: { values: {}, errors: extra.errors ?? {} },
    })
  }

  router.get('/profile', (ctx) => showProfile(ctx))

  router.post('/keys', async (ctx) => {
    const viewer = requireViewer(ctx)
    const { keyName = '' } = await readForm(ctx)
    try {
      await showProfile(ctx, { newKey: await createApiKey(ctx.state.db, viewer, keyName) })
    } catch (error) {
      if (!(error instanceof AppError) || error.kind !== 'invalid') throw error
      ctx.status = 422
      await showProfile(ctx, { errors: error.fields })
    }
  })

  router.post('/keys/:id/revoke', async (ctx) => {
    await revokeKey(ctx.state.db, requireViewer(ctx), Number(ctx.params['id']))
    ctx.redirect('/account/profile')
  })

  return router
}
