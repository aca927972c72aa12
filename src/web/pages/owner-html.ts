import { Router } from '@koa/router'
import { findPresenter } from '../../domain/presenters/presenter-service.ts'
import type { PresenterVersion } from '../../domain/presenters/presenter-service.ts'
import type { Project } from '../../domain/projects/project-service.ts'
import { resultsPageOf } from '../../domain/projects/results-page.ts'
import { hasResults } from '../../domain/results/result-service.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import { NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { frameFor } from '../presenter/frame-for.ts'
import { projectUrl } from './project-card.ts'
import { projectOf } from './projects.ts'

/** A project's tutorial, whenever somebody wants to read it, and its results. */
export function ownerHtmlRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/project/:shortName' })

  router.get('/tutorial', async (ctx) => {
    const project = await projectOf(ctx)
    const presenter = await findPresenter(ctx.state.db, project.id)
    if (!presenter?.tutorial) throw new NotFoundError('tutorial in the project', project.name)
    await showTutorial(ctx, { app, views, project, presenter })
  })

  router.get('/results', async (ctx) => {
    const project = await projectOf(ctx)
    const isThere = resultsPageOf(project) !== null && (await hasResults(ctx.state.db, project))
    views.render(ctx, 'pages/contribute/results.html', {
      project: ownerPageOf(project),
      frame: isThere ? await frameFor(app, ctx, project, { results: true }) : null,
    })
  })

  return router
}

/** The page with a tutorial: HTML that its owner wrote, or the short text of a ready template. */
export async function showTutorial(
  ctx: Context,
  {
    app,
    views,
    project,
    presenter,
  }: { app: App; views: Views; project: Project; presenter: PresenterVersion },
): Promise<void> {
  const isHtml = presenter.kind === 'code'
  views.render(ctx, 'pages/contribute/tutorial.html', {
    project: ownerPageOf(project),
    frame: isHtml ? await frameFor(app, ctx, project, { tutorialOf: presenter.id }) : null,
    text: isHtml ? null : presenter.tutorial,
  })
}

function ownerPageOf(project: Project) {
  const { id, name, shortName, description } = project
  return { id, name, shortName, description, url: projectUrl(project) }
}
