import { Router } from '@koa/router'
import { mustBeOpen, signInByCode } from '../../domain/accounts/sign-in-code-service.ts'
import { leaveFlash } from '../../http/flash.ts'
import { readForm } from '../../http/form.ts'
import { limitTries } from '../../http/rate-limit.ts'
import { pathText } from '../../http/request-values.ts'
import { createSessionCookie } from '../../http/sessions.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import { NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'
import { safeNext } from './safe-next.ts'

const TRIES_PER_ADDRESS = { requests: 100, seconds: 900 }
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Where a code that was mailed is typed: PyBossa's address. */
export function codePageOf(id: string, next: string): string {
  return `/account/${id}/otpvalidation${signInQuery(next)}`
}

function signInQuery(next: string): string {
  return next === '' ? '' : `?next=${encodeURIComponent(next)}`
}

/** The second step of signing in, where the site asks for it. */
export function signInCodeRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/account/:code/otpvalidation' })
  const session = createSessionCookie(app)
  const tryFromAddress = limitTries(app, 'account', TRIES_PER_ADDRESS)

  function codeOf(ctx: Context): string {
    const id = pathText(ctx, 'code')
    if (!UUID.test(id)) throw new NotFoundError('page', ctx.path)
    return id
  }

  function show(ctx: Context, next: string, form: FormView) {
    views.render(ctx, 'pages/account/code.html', { form, next, url: codePageOf(codeOf(ctx), next) })
  }

  /** Whose code is over begins anew, unless they are signed in by it. */
  async function orSignInAgain(ctx: Context, next: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error
      if (ctx.state.viewer) {
        ctx.redirect(next || '/')
        return
      }
      leaveFlash(ctx, app, 'code-over')
      ctx.redirect(`/account/signin${signInQuery(next)}`)
    }
  }

  router.get('/', async (ctx) => {
    const id = codeOf(ctx)
    const next = safeNext(ctx.query['next'])
    await orSignInAgain(ctx, next, async () => {
      await mustBeOpen(ctx.state.db, id)
      show(ctx, next, { values: {}, errors: {} })
    })
  })

  router.post('/', async (ctx) => {
    const id = codeOf(ctx)
    const { otp = '' } = await readForm(ctx)
    const next = safeNext(ctx.query['next'])
    const again = (form: FormView) => {
      show(ctx, next, form)
    }
    await orShowAgain(ctx, { otp }, again, () =>
      orSignInAgain(ctx, next, async () => {
        await tryFromAddress(ctx.ip)
        const code = { id, code: otp }
        await session.write(ctx, await signInByCode(app, ctx.state.db, code, ctx.get('User-Agent')))
        ctx.redirect(next || '/')
      }),
    )
  })

  return router
}
