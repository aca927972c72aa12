import { Router } from '@koa/router'
import {
  PROJECT_FIGURES,
  PROJECT_LIST,
  listCompletedProjects,
  listOpenProjects,
} from '../../domain/projects/project-service.ts'
import type { RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import { projectCard } from './project-card.ts'
import type { ReadyPages } from './ready-pages.ts'

/** Home and the pages about the site. */
export function siteRoutes(views: Views, readyPages: ReadyPages): Router<RequestState> {
  const router = new Router<RequestState>()

  router.get('/', async (ctx) => {
    const isMember = ctx.state.viewer !== undefined
    const page = await readyPages({
      name: 'home',
      key: isMember ? 'member' : 'visitor',
      of: [PROJECT_LIST, PROJECT_FIGURES],
      async make(db) {
        const [open, done] = await Promise.all([listOpenProjects(db, 3), listCompletedProjects(db, 3)])
        const cards = open.map(projectCard)
        const view = { open: cards, done: done.map(projectCard), first: cards[0] ?? null, isMember }
        return { template: 'pages/home/index.html', view }
      },
    })
    if (page) views.renderFragment(ctx, page.fragment)
  })

  router.get('/about', (ctx) => {
    views.render(ctx, 'pages/help/about.html', {}, { shared: true })
  })

  router.get('/help/privacy', (ctx) => {
    views.render(ctx, 'pages/help/privacy.html', {}, { shared: true })
  })

  return router
}
