import { Router } from '@koa/router'
import { listAllCategories } from '../../domain/categories/category-service.ts'
import {
  FeaturedAlreadyError,
  featureProject,
  listProjectGallery,
} from '../../domain/projects/project-service.ts'
import { mustBeAdmin } from '../../domain/users/user-policy.ts'
import { leaveFlash } from '../../http/flash.ts'
import { pathId, queryNumber } from '../../http/request-values.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import { InvalidError, NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { projectRecords } from '../api/project.ts'
import { categoryValues } from './gallery.ts'
import { projectCard } from './project-card.ts'

const PER_PAGE = 50
/** Featured projects are a handful; more than this many are not all listed. */
const FEATURED_MAX = 200

/** For admins: which projects are featured. */
export function adminFeaturedRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/admin/featured' })

  router.get('/', async (ctx) => {
    mustBeAdmin(ctx.state.viewer)
    const { db } = ctx.state
    const named =
      typeof ctx.query['search'] === 'string' ? ctx.query['search'].replaceAll('\0', '').trim() : ''
    const page = Math.min(Math.max(queryNumber(ctx, 'page') ?? 1, 1), 10_000)
    const [featured, found, categories] = await Promise.all([
      listProjectGallery(db, { isFeatured: true }, { limit: FEATURED_MAX, offset: 0 }),
      listProjectGallery(db, { named }, { limit: PER_PAGE, offset: (page - 1) * PER_PAGE, orderBy: 'name' }),
      listAllCategories(db),
    ])
    const shown = found.projects.map(({ project, totals }) => ({
      ...projectCard({ project, totals }),
      featured: project.featured,
      category: categories.find(({ id }) => id === project.categoryId)?.shortName ?? '',
    }))
    const grouped = Map.groupBy(shown, ({ category }) => category)
    views.render(ctx, 'pages/admin/featured.html', {
      featured: featured.projects.map(projectCard),
      // As PyBossa's JSON has them: by the short names of their categories.
      projects: Object.fromEntries(grouped),
      shown,
      categories: categories.map(categoryValues),
      pagination: {
        page,
        per_page: PER_PAGE,
        total: found.total,
        next: page * PER_PAGE < found.total,
        prev: page > 1,
      },
      form: { values: { search: named }, errors: {} },
    })
  })

  // PyBossa's own: for programs, which get the project.
  router.post('/:id', (ctx) => reply(ctx, true))
  router.delete('/:id', (ctx) => reply(ctx, false))

  async function reply(ctx: Context, featured: boolean): Promise<void> {
    const { db, viewer } = ctx.state
    mustBeAdmin(viewer)
    ctx.set('Cache-Control', 'private, no-store')
    try {
      const project = await featureProject(db, viewer, pathId(ctx, 'id'), featured)
      const [record] = await projectRecords(app, ctx, [project])
      ctx.body = record
    } catch (error) {
      const status = statusOf(error)
      if (status === undefined) throw error
      ctx.status = status
      ctx.body = { error: error instanceof Error ? error.message : '', status_code: status }
    }
  }

  // The same for forms, which know no DELETE and lead back to a page.
  for (const [word, featured] of [
    ['add', true],
    ['remove', false],
  ] as const)
    router.post(`/:id/${word}`, async (ctx) => {
      const { name } = await featureProject(ctx.state.db, ctx.state.viewer, pathId(ctx, 'id'), featured)
      leaveFlash(ctx, app, featured ? 'project-featured' : 'project-not-featured', { project: name })
      ctx.redirect('/admin/featured')
    })

  return router
}

/** PyBossa's statuses of what is refused. */
function statusOf(error: unknown): number | undefined {
  if (error instanceof NotFoundError) return 404
  return error instanceof FeaturedAlreadyError || error instanceof InvalidError ? 415 : undefined
}
