import { Router } from '@koa/router'
import { updateProject } from '../../domain/projects/project-service.ts'
import { leaveFlash } from '../../http/flash.ts'
import { readForm } from '../../http/form.ts'
import type { RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import { FRAME_PERMISSIONS } from '../../lib/frame-permissions.ts'
import type { App } from '../../platform/app.ts'
import { frameOrigin } from '../presenter/frame-for.ts'
import { projectCard, projectUrl } from './project-card.ts'
import { ownedProjectOf } from './projects.ts'

/** What a project's presenter may ask of the device of whoever answers: its owners say so. */
export function presenterPermissionRoutes(app: App, views: Views): Router<RequestState> {
  const path = '/tasks/taskpresentereditor/permissions'
  const router = new Router<RequestState>({ prefix: `/project/:shortName${path}` })

  router.get('/', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    views.render(ctx, 'pages/presenter/permissions.html', {
      project: projectCard(owned),
      allowed: owned.project.framePermissions,
      // Browsers give camera and microphone to no origin without a name.
      hasDevices: frameOrigin(app, ctx, owned.project) !== 'null',
    })
  })

  router.post('/', async (ctx) => {
    const { project } = await ownedProjectOf(ctx)
    const values = await readForm(ctx)
    const framePermissions = FRAME_PERMISSIONS.filter((name) => values[name] === 'on')
    await updateProject(ctx.state.db, ctx.state.viewer, project, { framePermissions }, 'web')
    leaveFlash(ctx, app, 'permissions-saved')
    ctx.redirect(`${projectUrl(project)}${path.slice(1)}`)
  })

  return router
}
