import { Router } from '@koa/router'
import { findFieldGuide, saveFieldGuide } from '../../domain/field-guides/field-guide-service.ts'
import type { ProjectWithTotals } from '../../domain/projects/project-service.ts'
import { leaveFlash } from '../../http/flash.ts'
import { readForm } from '../../http/form.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import type { App } from '../../platform/app.ts'
import { fieldGuideHtml } from './field-guide-html.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'
import { listMaterials } from './helping-material-list.ts'
import { projectCard, projectUrl } from './project-card.ts'
import { ownedProjectOf } from './projects.ts'

/** The page on which owners write what contributors read beside their tasks. */
export function fieldGuideRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/project/:shortName/tasks/fieldguide' })

  async function show(ctx: Context, owned: ProjectWithTotals, typed?: FormView) {
    const { project } = owned
    const guide = await findFieldGuide(ctx.state.db, project)
    const values = { markdown: guide?.markdown ?? '', ...typed?.values, seen: guide?.updated ?? '' }
    views.render(ctx, 'pages/presenter/field-guide.html', {
      project: projectCard(owned),
      form: { values, errors: typed?.errors ?? {} },
      guideHtml: fieldGuideHtml(values.markdown, app.config.site.url),
      materials: await listMaterials(app, ctx, project.id),
    })
  }

  router.get('/', async (ctx) => {
    await show(ctx, await ownedProjectOf(ctx))
  })

  router.post('/', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const values = await readForm(ctx)
    const { markdown = '', seen = '' } = values
    const again = (form: FormView) => show(ctx, owned, form)
    await orShowAgain(ctx, values, again, async () => {
      // A look at what was written, before it is everybody's.
      if (values['step'] === 'look') {
        await show(ctx, owned, { values: { markdown }, errors: {} })
        return
      }
      await saveFieldGuide(ctx.state.db, ctx.state.viewer, owned.project, markdown, seen)
      leaveFlash(ctx, app, 'guide-saved')
      ctx.redirect(`${projectUrl(owned.project)}tasks/fieldguide`)
    })
  })

  return router
}
