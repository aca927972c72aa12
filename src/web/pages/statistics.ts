import { Router } from '@koa/router'
import { findPublishedProject, projectThing } from '../../domain/projects/project-service.ts'
import type { Project } from '../../domain/projects/project-service.ts'
import {
  ACTIVITY,
  GRAPH_DAYS,
  SITE_DAYS,
  getProjectGraphs,
  getSiteGraphs,
} from '../../domain/statistics/graph-service.ts'
import { LEADERS, PERIODS, getOwnRank, isPeriod, listFirst } from '../../domain/statistics/leader-service.ts'
import type { Leader, Period } from '../../domain/statistics/leader-service.ts'
import { PEOPLE } from '../../domain/users/user-service.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { View, Views } from '../../http/views.ts'
import { NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import { projectCard, projectUrl } from './project-card.ts'
import { namedIn, projectOf } from './projects.ts'
import type { ReadyPages } from './ready-pages.ts'

/** PyBossa's: so many neighbours are shown at most. */
const NEIGHBOURS_MAX = 10

/** Graphs of a project and of the site, and who gave most answers. */
export function statisticsRoutes(app: App, views: Views, readyPages: ReadyPages): Router<RequestState> {
  const router = new Router<RequestState>()

  router.get('/project/:shortName/stats', async (ctx) => {
    const shortName = namedIn(ctx)
    const page = await readyPages({
      name: 'project-stats',
      key: shortName,
      of: [projectThing(shortName), ACTIVITY, PEOPLE],
      async make(db) {
        const project = await findPublishedProject(db, shortName)
        return project && { template: 'pages/projects/stats.html', view: await projectGraphs(db, project) }
      },
    })
    if (page) {
      views.renderFragment(ctx, page.fragment)
      return
    }
    const project = await projectOf(ctx)
    views.render(ctx, 'pages/projects/stats.html', await projectGraphs(ctx.state.db, project))
  })

  router.get('/stats/', async (ctx) => {
    const page = await readyPages({
      name: 'site-stats',
      key: 'all',
      of: [ACTIVITY, SITE_DAYS, LEADERS, PEOPLE],
      async make(db) {
        const { busyProjects, ...graphs } = await getSiteGraphs(db, GRAPH_DAYS)
        const busy = busyProjects.map((project) => ({ ...project, url: projectUrl(project) }))
        const view = { ...graphs, busyProjects: busy, asOf: new Date().toISOString() }
        return { template: 'pages/site/stats.html', view }
      },
    })
    if (page) views.renderFragment(ctx, page.fragment)
  })

  router.get('/leaderboard/', (ctx) => showLeaders(ctx, 0))

  router.get('/leaderboard/window/:around', async (ctx) => {
    const around = Number(ctx.params['around'])
    if (!Number.isInteger(around) || around < 0 || around > NEIGHBOURS_MAX)
      throw new NotFoundError('leaderboard window', String(ctx.params['around']))
    await showLeaders(ctx, around)
  })

  async function showLeaders(ctx: Context, around: number): Promise<void> {
    const { period = 'all' } = ctx.query
    if (typeof period !== 'string' || !isPeriod(period))
      throw new NotFoundError('leaderboard', String(period))
    const page = await readyPages({
      name: 'leaderboard',
      key: period,
      of: [LEADERS, PEOPLE],
      make: async (db) => ({ template: LEADERBOARD, view: await leaders(db, period) }),
    })
    if (!page) return
    const { viewer } = ctx.state
    if (!viewer) {
      views.renderFragment(ctx, page.fragment)
      return
    }
    const own = await getOwnRank(app, viewer.id, period, around)
    const { leaders: first } = page.fragment.view as Leaders
    views.render(ctx, LEADERBOARD, { ...page.fragment.view, own, leaders: [...first, ...own.neighbours] })
  }

  return router
}

const LEADERBOARD = 'pages/site/leaderboard.html'

interface Leaders extends View {
  leaders: Leader[]
  asOf: string | null
}

async function leaders(db: RequestDb, shown: Period): Promise<Leaders> {
  return {
    ...(await listFirst(db, shown)),
    periods: PERIODS.map((period) => ({
      period,
      url: period === 'all' ? '/leaderboard/' : `/leaderboard/?period=${period}`,
      isShown: period === shown,
    })),
  }
}

async function projectGraphs(db: RequestDb, project: Project): Promise<View> {
  const { totals, ...graphs } = await getProjectGraphs(db, project)
  return { ...graphs, project: projectCard({ project, totals }) }
}
