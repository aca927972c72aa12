import { Router } from '@koa/router'
import {
  findExportBucket,
  removeExportBucket,
  saveExportBucket,
  tryExportBucket,
} from '../../domain/exports/bucket-service.ts'
import type { ProjectWithTotals } from '../../domain/projects/project-service.ts'
import { leaveFlash } from '../../http/flash.ts'
import { readForm } from '../../http/form.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import type { App } from '../../platform/app.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'
import { projectCard, projectUrl } from './project-card.ts'
import { ownedProjectOf } from './projects.ts'

const NOTHING = { endpoint: '', region: '', bucket: '', prefix: '', keyId: '', isPathStyle: true }

/** The bucket that a project's exports are brought into: saved, tried and removed. Its secret is never shown again. */
export function exportBucketRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/project/:shortName/tasks/export/bucket' })

  async function show(ctx: Context, owned: ProjectWithTotals, again?: FormView) {
    const stored = await findExportBucket(ctx.state.db, ctx.state.viewer, owned.project)
    const values = { ...(stored ?? NOTHING), endpoint: stored?.endpoint ?? '' }
    // What was typed stays, but for the secret.
    const typed = again && { ...values, ...again.values, secret: '' }
    views.render(ctx, 'pages/exports/bucket.html', {
      project: projectCard(owned),
      form: { values: typed ?? values, errors: again?.errors ?? {} },
      isStored: stored !== undefined,
    })
  }

  router.get('/', async (ctx) => {
    await show(ctx, await ownedProjectOf(ctx))
  })

  router.post('/', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const values = await readForm(ctx)
    const { endpoint = '', region = '', bucket = '', prefix = '', keyId = '', secret = '' } = values
    const isPathStyle = /^(on|true)$/.test(values['isPathStyle'] ?? '')
    const again = (form: FormView) => show(ctx, owned, { ...form, values: { ...form.values, isPathStyle } })
    await orShowAgain(ctx, values, again, async () => {
      const input = { endpoint, region, bucket, prefix, keyId, secret, isPathStyle }
      await saveExportBucket(app, ctx.state.db, ctx.state.viewer, owned.project, input)
      leaveFlash(ctx, app, 'bucket-saved')
      ctx.redirect(`${projectUrl(owned.project)}tasks/export/bucket`)
    })
  })

  router.post('/try', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const again = ({ errors }: FormView) => show(ctx, owned, { values: {}, errors })
    await orShowAgain(ctx, {}, again, async () => {
      await tryExportBucket(app, ctx.state.db, ctx.state.viewer, owned.project)
      leaveFlash(ctx, app, 'bucket-works')
      ctx.redirect(`${projectUrl(owned.project)}tasks/export/bucket`)
    })
  })

  router.post('/remove', async (ctx) => {
    const { project } = await ownedProjectOf(ctx)
    await removeExportBucket(ctx.state.db, ctx.state.viewer, project)
    leaveFlash(ctx, app, 'bucket-removed')
    ctx.redirect(`${projectUrl(project)}tasks/export`)
  })

  return router
}
