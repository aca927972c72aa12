import { Router } from '@koa/router'
import { changeAvatar, changeProjectPicture } from '../../domain/pictures/picture-service.ts'
import { getAvatar } from '../../domain/users/user-service.ts'
import { leaveFlash } from '../../http/flash.ts'
import { withUpload } from '../../http/form.ts'
import { requireViewer } from '../../http/guards.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import type { NewFile } from '../../domain/uploads/upload-service.ts'
import { drawnPicture } from '../../lib/drawn-picture.ts'
import { InvalidError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'
import { projectCard, projectUrl } from './project-card.ts'
import { ownedProjectOf } from './projects.ts'

const TYPES = ['png', 'jpg', 'jpeg', 'gif', 'webp']

/** The pictures of a project and of a person: shown, changed, removed. */
export function pictureRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>()
  const { bytesMax, extensions } = app.config.uploads
  const accepted = TYPES.filter((type) => extensions.includes(type))
    .map((type) => `.${type}`)
    .join(',')
  const form = { bytesMax, accepted }

  async function showProject(ctx: Context, view: FormView) {
    const owned = await ownedProjectOf(ctx)
    const picture = drawnPicture(owned.project.thumbnailUrl)
    views.render(ctx, 'pages/pictures/project.html', {
      project: projectCard(owned),
      picture,
      form: view,
      ...form,
    })
  }

  async function showAvatar(ctx: Context, view: FormView) {
    const picture = drawnPicture(await getAvatar(ctx.state.db, requireViewer(ctx).id))
    views.render(ctx, 'pages/pictures/avatar.html', { picture, form: view, ...form })
  }

  /** A form with a picture, or with `remove`. */
  async function change(
    ctx: Context,
    show: (ctx: Context, view: FormView) => Promise<void>,
    keep: (file: NewFile | undefined) => Promise<void>,
    back: string,
  ) {
    await orShowAgain(
      ctx,
      {},
      (view) => show(ctx, view),
      () =>
        withUpload(ctx, { field: 'file', bytesMax, resumable: app.resumable }, async ({ fields, file }) => {
          const isRemoved = fields['remove'] !== undefined
          if (!file && !isRemoved) throw new InvalidError('Choose a picture.', { file: 'Choose a picture.' })
          await keep(isRemoved ? undefined : file)
          leaveFlash(ctx, app, isRemoved ? 'picture-removed' : 'picture-kept')
          ctx.redirect(back)
        }),
    )
  }

  router.get('/project/:shortName/picture', async (ctx) => {
    await showProject(ctx, { values: {}, errors: {} })
  })

  router.post('/project/:shortName/picture', async (ctx) => {
    const { project } = await ownedProjectOf(ctx)
    const { db, viewer } = ctx.state
    const keep = (file: NewFile | undefined) => changeProjectPicture(app, db, viewer, project, file)
    await change(ctx, showProject, keep, `${projectUrl(project)}picture`)
  })

  router.get('/account/picture', async (ctx) => {
    await showAvatar(ctx, { values: {}, errors: {} })
  })

  router.post('/account/picture', async (ctx) => {
    const user = requireViewer(ctx)
    const keep = (file: NewFile | undefined) => changeAvatar(app, ctx.state.db, user, file)
    await change(ctx, showAvatar, keep, '/account/picture')
  })

  return router
}
