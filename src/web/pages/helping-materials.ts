import { Router } from '@koa/router'
import {
  createContent,
  deleteContent,
  openContentDesk,
  openDesk,
} from '../../domain/contents/content-service.ts'
import type { ContentDesk } from '../../domain/contents/content-service.ts'
import type { ProjectWithTotals } from '../../domain/projects/project-service.ts'
import { leaveFlash } from '../../http/flash.ts'
import { withUpload } from '../../http/form.ts'
import { pathId } from '../../http/request-values.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import { InvalidError, NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'
import { listMaterials } from './helping-material-list.ts'
import { projectCard, projectUrl } from './project-card.ts'
import { ownedProjectOf } from './projects.ts'

const DESCRIPTION_CHARS_MAX = 300

/** Files that a presenter or the field guide shows beside the tasks: uploaded, listed, removed. */
export function helpingMaterialRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/project/:shortName/tasks/helpingmaterials' })
  const { extensions, bytesMax } = app.config.uploads

  async function show(ctx: Context, owned: ProjectWithTotals, form: FormView) {
    views.render(ctx, 'pages/presenter/helping-materials.html', {
      project: projectCard(owned),
      form,
      materials: await listMaterials(app, ctx, owned.project.id),
      bytesMax,
      accepted: extensions.map((extension) => `.${extension}`).join(','),
    })
  }

  async function deskOf(ctx: Context, { project }: ProjectWithTotals): Promise<ContentDesk> {
    const id = pathId(ctx, 'id')
    const desk = await openContentDesk(ctx.state.db, 'helping_material', ctx.state.viewer, id)
    if (desk.projectId !== project.id) throw new NotFoundError('helping material', id)
    return desk
  }

  router.get('/', async (ctx) => {
    await show(ctx, await ownedProjectOf(ctx), { values: {}, errors: {} })
  })

  router.post('/', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const { db, viewer } = ctx.state
    let typed: Record<string, string> = {}
    const again = ({ errors }: FormView) => show(ctx, owned, { values: typed, errors })
    await orShowAgain(ctx, {}, again, () =>
      withUpload(ctx, { field: 'file', bytesMax, resumable: app.resumable }, async ({ fields, file }) => {
        typed = fields
        if (!file) throw refused('file', 'Choose a file.')
        const description = describedBy(fields)
        const desk = await openDesk(db, 'helping_material', viewer, owned.project.id)
        await createContent(app, db, desk, { info: { description } }, file)
        leaveFlash(ctx, app, 'material-added')
        ctx.redirect(`${projectUrl(owned.project)}tasks/helpingmaterials`)
      }),
    )
  })

  router.get('/:id/delete', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const { id } = await deskOf(ctx, owned)
    const materials = await listMaterials(app, ctx, owned.project.id)
    views.render(ctx, 'pages/presenter/delete-material.html', {
      project: projectCard(owned),
      id,
      material: materials.find((material) => material.id === id),
    })
  })

  router.post('/:id/delete', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    await deleteContent(app, ctx.state.db, await deskOf(ctx, owned))
    ctx.redirect(`${projectUrl(owned.project)}tasks/helpingmaterials`)
  })

  return router
}

function describedBy({ description = '' }: Record<string, string>): string {
  const words = description.trim()
  if (words.includes('\0') || !words.isWellFormed())
    throw refused('description', 'This holds a character that cannot be stored.')
  if (words.length > DESCRIPTION_CHARS_MAX)
    throw refused('description', `Use at most ${DESCRIPTION_CHARS_MAX} characters.`)
  return words
}

function refused(field: string, message: string): InvalidError {
  return new InvalidError('Some fields need another look.', { [field]: message })
}
