import { Router } from '@koa/router'
import {
  askForDeletion,
  cancelDeletion,
  countProjects,
  getAccountState,
} from '../../domain/accounts/deletion-service.ts'
import {
  listOwnExports,
  openAccountExport,
  requestAccountExport,
} from '../../domain/accounts/export-service.ts'
import { leaveFlash } from '../../http/flash.ts'
import { pathId } from '../../http/request-values.ts'
import type { RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import type { App } from '../../platform/app.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'
import { ownNameOf } from './own-account.ts'

/** What somebody may ask for under the data protection law: all of their own data, and to be forgotten. */
export function accountDataRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/account/:name' })

  router.get('/export', async (ctx) => {
    const viewer = ownNameOf(ctx)
    const exports = await listOwnExports(ctx.state.db, viewer)
    views.render(ctx, 'pages/account/export.html', {
      name: viewer.name,
      isUnfinished: exports.some(({ state }) => state === 'waiting'),
      exports: exports.map(({ id, state, bytes, created, expires }) => ({
        ...{ id, state, bytes, created, expires },
        isThere: expires !== null && Date.parse(expires) > Date.now(),
      })),
    })
  })

  router.post('/export', async (ctx) => {
    const viewer = ownNameOf(ctx)
    await requestAccountExport(app, ctx.state.db, viewer)
    leaveFlash(ctx, app, 'account-export', { address: viewer.email })
    ctx.redirect(`/account/${encodeURIComponent(viewer.name)}/export`)
  })

  router.get('/export/:id', async (ctx) => {
    const file = await openAccountExport(app, ctx.state.db, ownNameOf(ctx), pathId(ctx, 'id'))
    ctx.attachment('personal_data.zip')
    ctx.set('Cache-Control', 'private, no-store')
    ctx.type = 'application/octet-stream'
    ctx.length = file.bytes
    ctx.body = file.content
  })

  async function showDeletion(ctx: Parameters<typeof ownNameOf>[0], form: FormView) {
    const viewer = ownNameOf(ctx)
    const { deletionDue } = await getAccountState(ctx.state.db, viewer)
    const projects = await countProjects(ctx.state.db, viewer)
    views.render(ctx, 'pages/account/delete.html', { name: viewer.name, deletionDue, projects, form })
  }

  router.get('/delete', (ctx) => showDeletion(ctx, { values: {}, errors: {} }))

  router.post('/delete', async (ctx) => {
    const viewer = ownNameOf(ctx)
    await orShowAgain(
      ctx,
      {},
      (form) => showDeletion(ctx, form),
      async () => {
        await askForDeletion(app, ctx.state.db, viewer)
        leaveFlash(ctx, app, 'deletion-planned')
        ctx.redirect('/account/profile')
      },
    )
  })

  router.post('/delete/cancel', async (ctx) => {
    await cancelDeletion(ctx.state.db, ownNameOf(ctx))
    leaveFlash(ctx, app, 'deletion-cancelled')
    ctx.redirect('/account/profile')
  })

  return router
}
