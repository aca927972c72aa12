import { Router } from '@koa/router'
import { createApiKey, getKey, listKeys, replaceApiKeys, revokeKey } from '../../domain/users/user-service.ts'
import { leaveFlash } from '../../http/flash.ts'
import { readForm } from '../../http/form.ts'
import { requireViewer } from '../../http/guards.ts'
import { pathId } from '../../http/request-values.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import type { App } from '../../platform/app.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'
import { ownNameOf } from './own-account.ts'

const NOTHING_TYPED: FormView = { values: {}, errors: {} }

/** A person's API keys: made, shown once, revoked. */
export function keyRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/account' })

  async function show(ctx: Context, form: FormView, newKey?: string) {
    const viewer = requireViewer(ctx)
    views.render(ctx, 'pages/account/keys.html', {
      user: { name: viewer.name },
      keys: await listKeys(ctx.state.db, viewer),
      newKey,
      form,
    })
  }

  router.get('/keys', (ctx) => show(ctx, NOTHING_TYPED))

  router.post('/keys', async (ctx) => {
    const viewer = requireViewer(ctx)
    const values = await readForm(ctx)
    await orShowAgain(
      ctx,
      values,
      (form) => show(ctx, form),
      async () => {
        await show(ctx, NOTHING_TYPED, await createApiKey(ctx.state.db, viewer, values['keyName'] ?? ''))
      },
    )
  })

  router.get('/keys/:id/revoke', async (ctx) => {
    const { id, name, hint, lastUsed } = await getKey(ctx.state.db, requireViewer(ctx), pathId(ctx, 'id'))
    views.render(ctx, 'pages/account/revoke-key.html', { key: { id, name, hint, lastUsed } })
  })

  router.post('/keys/:id/revoke', async (ctx) => {
    const viewer = requireViewer(ctx)
    const key = await getKey(ctx.state.db, viewer, pathId(ctx, 'id'))
    await revokeKey(ctx.state.db, viewer, key.id)
    leaveFlash(ctx, app, 'key-revoked', { key: key.name })
    ctx.redirect('/account/keys')
  })

  // PyBossa's address for a new key in the place of the one that it knows.
  router.get('/:name/resetapikey', (ctx) => {
    views.render(ctx, 'pages/account/replace-keys.html', { user: { name: ownNameOf(ctx).name } })
  })

  router.post('/:name/resetapikey', async (ctx) => {
    await show(ctx, NOTHING_TYPED, await replaceApiKeys(ctx.state.db, ownNameOf(ctx)))
  })

  return router
}
