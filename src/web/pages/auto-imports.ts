import { Router } from '@koa/router'
import { getAutoImport, removeAutoImport, setAutoImport } from '../../domain/imports/auto-import-service.ts'
import { getImport, openBucketSecret } from '../../domain/imports/import-service.ts'
import type { FetchedFrom } from '../../domain/imports/import-service.ts'
import { isRemote } from '../../domain/imports/row-source.ts'
import type { ProjectWithTotals } from '../../domain/projects/project-service.ts'
import { readForm } from '../../http/form.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import { InvalidError, NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { Json } from '../../platform/schema.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'
import { REMOTE_KINDS, fetchedFrom, shownAgain } from './import-sources.ts'
import { importView } from './import-view.ts'
import { projectCard, projectUrl } from './project-card.ts'
import { ownedProjectOf } from './projects.ts'

/** What is fetched for a project every day, at PyBossa's addresses. */
export function autoImportRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/project/:shortName/tasks/autoimporter' })

  async function show(ctx: Context, owned: ProjectWithTotals, form: FormView) {
    const { db, viewer } = ctx.state
    const daily = await getAutoImport(db, viewer, owned.project)
    const last =
      daily?.lastImportId == null ? null : await getImport(db, viewer, owned.project, daily.lastImportId)
    const url = `${projectUrl(owned.project)}tasks/import`
    views.render(ctx, 'pages/imports/daily.html', {
      project: projectCard(owned),
      form,
      kinds: REMOTE_KINDS,
      daily: daily ? { ...daily.source, error: daily.error } : null,
      last: last && importView(last, url),
    })
  }

  router.get('/', async (ctx) => {
    await show(ctx, await ownedProjectOf(ctx), { values: { kind: 'url' }, errors: {} })
  })

  router.post('/', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const fields = await readForm(ctx)
    await orShowAgain(
      ctx,
      shownAgain(fields),
      (form) => show(ctx, owned, form),
      async () => {
        const wanted = await wantedBy(app, ctx, owned, fields)
        await setAutoImport(app, ctx.state.db, ctx.state.viewer, owned.project, wanted)
        ctx.redirect(`${projectUrl(owned.project)}tasks/autoimporter`)
      },
    )
  })

  router.post('/delete', async (ctx) => {
    const { project } = await ownedProjectOf(ctx)
    await removeAutoImport(ctx.state.db, ctx.state.viewer, project)
    ctx.redirect(`${projectUrl(project)}tasks/autoimporter`)
  })

  return router
}

/** An address, or what an import was made of, with the choices that were made for it. */
async function wantedBy(
  app: Pick<App, 'sealer'>,
  ctx: Context,
  { project }: ProjectWithTotals,
  fields: Readonly<Record<string, string>>,
): Promise<FetchedFrom & { options: Json }> {
  const { like } = fields
  if (like !== undefined) {
    const found = await getImport(ctx.state.db, ctx.state.viewer, project, Number(like) || 0)
    const { source, options, bucketKeys } = found
    if (!isRemote(source)) throw new NotFoundError('address of import', like)
    // A bucket with keys that were removed meanwhile.
    if (source.kind === 's3' && source.keys) await openBucketSecret(app, bucketKeys)
    return { source, options, bucketKeys }
  }
  const from = await fetchedFrom(app, fields)
  if (!from) throw new InvalidError('Choose where the rows are.')
  return { ...from, options: {} }
}
