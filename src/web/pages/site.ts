import { Router } from '@koa/router'
import {
  PROJECT_FIGURES,
  PROJECT_LIST,
  listCompletedProjects,
  listOpenProjects,
  listProjectGallery,
} from '../../domain/projects/project-service.ts'
import type { RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import { projectCard } from './project-card.ts'
import type { ReadyPages } from './ready-pages.ts'

/** Projects of each kind on the home page. */
const SHOWN = 3

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
        const [featured, open, done] = await Promise.all([
          listProjectGallery(db, { isFeatured: true }, { limit: SHOWN, offset: 0 }),
          listOpenProjects(db, 2 * SHOWN),
          listCompletedProjects(db, SHOWN),
        ])
        const chosen = featured.projects.map(projectCard)
        const others = open.map(projectCard).filter(({ id }) => chosen.every((card) => card.id !== id))
        const view = {
          featured: chosen,
          hasMoreFeatured: featured.total > chosen.length,
          open: others.slice(0, SHOWN),
          done: done.map(projectCard),
          first: open.map(projectCard)[0] ?? null,
          isMember,
        }
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
