import { Router } from '@koa/router'
import {
  changeAvatar,
  changeProjectPicture,
  cutProjectPicture,
} from '../../domain/pictures/picture-service.ts'
import type { Area } from '../../domain/uploads/cropping.ts'
import { cutPicture, getCutPicture } from '../../domain/uploads/cutting.ts'
import type { CutPicture } from '../../domain/uploads/cutting.ts'
import { getAvatar } from '../../domain/users/user-service.ts'
import { leaveFlash } from '../../http/flash.ts'
import { readForm, withUpload } from '../../http/form.ts'
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
    const cut = await getCutPicture(app, ctx.state.db, { noun: 'project', id: owned.project.id })
    views.render(ctx, 'pages/pictures/project.html', {
      project: projectCard(owned),
      picture,
      cut: cutView(cut),
      form: view,
      ...form,
    })
  }

  async function showAvatar(ctx: Context, view: FormView) {
    const { id } = requireViewer(ctx)
    const picture = drawnPicture(await getAvatar(ctx.state.db, id))
    const cut = await getCutPicture(app, ctx.state.db, { noun: 'user_account', id })
    views.render(ctx, 'pages/pictures/avatar.html', { picture, cut: cutView(cut), form: view, ...form })
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

  router.post('/project/:shortName/picture/cut', async (ctx) => {
    const { project } = await ownedProjectOf(ctx)
    await cutProjectPicture(app, ctx.state.db, ctx.state.viewer, project, areaIn(await readForm(ctx)))
    leaveFlash(ctx, app, 'picture-cut')
    ctx.redirect(`${projectUrl(project)}picture`)
  })

  router.post('/account/picture/cut', async (ctx) => {
    const person = { noun: 'user_account', id: requireViewer(ctx).id } as const
    await cutPicture(app, ctx.state.db, person, areaIn(await readForm(ctx)))
    leaveFlash(ctx, app, 'picture-cut')
    ctx.redirect('/account/picture')
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

/** The fields of an area, in percent. */
function cutView(cut: CutPicture | undefined) {
  if (!cut) return null
  const { across, down, size } = cut.area
  const percent = (share: number) => Math.round(100 * share)
  return { url: cut.url, across: percent(across), down: percent(down), size: percent(size) }
}

const SIZE_MIN = 10

/** @throws InvalidError for what is no percentage. */
function areaIn(fields: Readonly<Record<string, string>>): Area {
  const share = (name: string, least: number) => {
    const percent = Number(fields[name] || Number.NaN)
    if (percent >= least && percent <= 100) return percent / 100
    throw new InvalidError(`Give a number from ${least} to 100 for “${name}”.`)
  }
  return { across: share('across', 0), down: share('down', 0), size: share('size', SIZE_MIN) }
}
