import { randomBytes, randomUUID } from 'node:crypto'
import { Router } from '@koa/router'
import { hash, verify } from '@node-rs/argon2'
import { readForm } from '../../http/form.ts'
import { createSessionCookie } from '../../http/sessions.ts'
import type { Context, Handler, RequestState, Site, Viewer } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import type { DeploySettings } from '../../platform/deploy-config.ts'
import type { DeployStore } from '../../platform/deploy-store.ts'
import { createPasswordTries } from './password-tries.ts'

const SESSION_MS = 12 * 3_600_000

/**
 * Operators sign in by name and password, whose hashes are settings: so it works while the platform, or GitHub, is down.
 * Who is taken out of the settings is signed out.
 */
export function createSignIn(
  site: Site,
  settings: Pick<DeploySettings, 'operators'>,
  store: DeployStore,
  views: Views,
) {
  const cookie = createSessionCookie(site)
  const tries = createPasswordTries()
  const operators = new Map(Object.entries(settings.operators))
  // Compared with where there is no such operator, so that the time it takes tells nothing.
  const nobody = hash(randomBytes(16))

  async function isOperator(name: string, password: string): Promise<boolean> {
    const known = operators.get(name)
    const fits = await verify(known ?? (await nobody), password)
    return known !== undefined && fits
  }

  /** Finds out who asks. */
  const identify: Handler = async (ctx, next) => {
    const sessionId = ctx.state.isOurs ? await cookie.read(ctx) : undefined
    const name = sessionId === undefined ? undefined : store.operatorOf(sessionId)
    ctx.state.sessionId = sessionId
    ctx.state.viewer = name !== undefined && operators.has(name) ? viewerOf(name) : undefined
    await next()
  }

  const router = new Router<RequestState>({ prefix: '/account' })

  router.get('/signin', (ctx) => {
    show(ctx, ctx.query['next'], { values: {}, errors: {} })
  })

  router.post('/signin', async (ctx) => {
    const { name = '', password = '', next } = await readForm(ctx)
    const takeBackTry = tries.begin(ctx.ip, name)
    if (!(await isOperator(name, password))) {
      ctx.status = 400
      const wrong = 'This name and password do not go together. Check both.'
      show(ctx, next, { values: { name }, errors: { password: wrong } })
      return
    }
    takeBackTry()
    const sessionId = randomUUID()
    store.addSession(sessionId, name, Date.now() + SESSION_MS)
    await cookie.write(ctx, sessionId)
    ctx.redirect(nextOf(next))
  })

  router.post('/signout', (ctx) => {
    store.endSession(ctx.state.sessionId ?? '')
    cookie.clear(ctx)
    ctx.redirect('/account/signin')
  })

  function show(ctx: Context, next: unknown, form: object): void {
    views.render(ctx, 'pages/deploys/sign-in.html', { next: nextOf(next), form })
  }

  return { identify, routes: router.routes() }
}

/** Only a path of this server: nobody is led elsewhere. */
function nextOf(next: unknown): string {
  return typeof next === 'string' && /^\/(?:deploys\/\d+)?$/.test(next) ? next : '/'
}

function viewerOf(name: string): Viewer {
  return { id: 0, name, fullName: name, email: '', isAdmin: true, locale: 'en' }
}
