import { Router } from '@koa/router'
import { listCompletedProjects, listOpenProjects } from '../../domain/projects/project-service.ts'
import type { RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import type { App } from '../../platform/app.ts'
import { projectCard } from './project-card.ts'

/** Home and the pages about the site. */
export function siteRoutes(_app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>()

  router.get('/', async (ctx) => {
    const [open, done] = await Promise.all([
      listOpenProjects(ctx.state.db, 3),
      listCompletedProjects(ctx.state.db, 3),
    ])
    const cards = open.map(projectCard)
    const view = { open: cards, done: done.map(projectCard), first: cards[0] ?? null }
    views.render(ctx, 'pages/home/index.html', view, { shared: true })
  })

  router.get('/about', (ctx) => {
    views.render(ctx, 'pages/help/about.html', {}, { shared: true })
  })

  router.get('/help/privacy', (ctx) => {
    views.render(ctx, 'pages/help/privacy.html', {}, { shared: true })
  })

  return router
}
