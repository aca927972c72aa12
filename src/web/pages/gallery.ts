import { Router } from '@koa/router'
import { CATEGORIES, listAllCategories } from '../../domain/categories/category-service.ts'
import type { CountedCategory } from '../../domain/categories/category-service.ts'
import {
  GALLERY_ORDERS,
  PROJECT_FIGURES,
  PROJECT_LIST,
  listProjectGallery,
} from '../../domain/projects/project-service.ts'
import type { GalleryFilter, GalleryOrder } from '../../domain/projects/project-service.ts'
import { pathText } from '../../http/request-values.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { View, Views } from '../../http/views.ts'
import { InvalidError, NotFoundError } from '../../lib/errors.ts'
import type { RequestDb } from '../../platform/database.ts'
import { projectCard } from './project-card.ts'
import type { ProjectCard } from './project-card.ts'
import type { ReadyPages } from './ready-pages.ts'

/** As on PyBossa. */
const PER_PAGE = 20
/** Nobody pages further; each page that is asked for is kept. */
const PAGES_MAX = 500

/** Not the short name of a category, but of what admins chose. */
const FEATURED = 'featured'

/** Published projects of a category, and those that are featured, under PyBossa's addresses. */
export function galleryRoutes(views: Views, readyPages: ReadyPages): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/project/category/:category' })

  router.get('/', (ctx) => show(ctx, '1'))
  router.get('/page/:page/', (ctx) => show(ctx, pathText(ctx, 'page')))

  async function show(ctx: Context, pageText: string): Promise<void> {
    const shortName = pathText(ctx, 'category')
    const page = /^[1-9]\d{0,3}$/.test(pageText) ? Number(pageText) : 0
    const order = orderOf(ctx)
    if (page === 0 || page > PAGES_MAX || shortName.includes('\0'))
      throw new NotFoundError('page of projects', `${shortName}, ${pageText}`)
    const ready = await readyPages({
      name: 'category',
      key: `${page}-${order.orderBy ?? ''}-${order.desc ? 'desc' : 'asc'}-${shortName}`,
      of: [PROJECT_LIST, PROJECT_FIGURES, CATEGORIES],
      async make(db) {
        const view = await galleryView(db, shortName, { page, ...order })
        return view && { template: 'pages/projects/category.html', view }
      },
    })
    if (!ready) throw new NotFoundError('page of projects', `${shortName}, ${page}`)
    views.renderFragment(ctx, ready.fragment)
  }

  return router
}

interface Asked {
  page: number
  orderBy: GalleryOrder | undefined
  desc: boolean
}

/** PyBossa's `?orderby=` and `?desc=`. @throws InvalidError for a field that there is not */
function orderOf(ctx: Context): Omit<Asked, 'page'> {
  const { orderby, desc } = ctx.query
  const orderBy = GALLERY_ORDERS.find((field) => field === orderby)
  if (orderby !== undefined && orderBy === undefined)
    throw new InvalidError(`Projects are ordered by one of ${GALLERY_ORDERS.join(', ')}.`)
  return { orderBy, desc: /^(true|1|on)$/i.test(String(desc)) }
}

/** Undefined for a category or a page that there is not; the first page is there without projects, too. */
async function galleryView(db: RequestDb, shortName: string, asked: Asked): Promise<View | undefined> {
  const categories = await listAllCategories(db)
  const active = categories.find((category) => category.shortName === shortName)
  if (!active && shortName !== FEATURED) return undefined
  const filter: GalleryFilter = active ? { categoryId: active.id } : { isFeatured: true }
  const { page, ...order } = asked
  const part = { limit: PER_PAGE, offset: (page - 1) * PER_PAGE, ...order }
  const { projects, total } = await listProjectGallery(db, filter, part)
  if (projects.length === 0 && page > 1) return undefined
  return {
    projects: projects.map((one) => ({ ...projectCard(one), ...pybossaValues(projectCard(one)) })),
    count: total,
    pagination: { page, per_page: PER_PAGE, total, next: page * PER_PAGE < total, prev: page > 1 },
    categories: galleryTabs(categories),
    active_cat: active ? categoryValues(active) : FEATURED_VALUES,
    query: queryOf(order),
  }
}

const FEATURED_VALUES = { id: null, name: 'Featured', short_name: FEATURED, description: 'Featured projects' }

/** What a category is called in JSON, as on PyBossa. */
export function categoryValues({ id, name, shortName, description, nPublished }: CountedCategory) {
  return { id, name, short_name: shortName, description, n_projects: nPublished }
}

/** The ways from one list of projects to another: what is featured, then categories that hold something. */
export function galleryTabs(categories: readonly CountedCategory[]) {
  const used = categories.filter(({ nPublished }) => nPublished > 0).map(categoryValues)
  return [FEATURED_VALUES, ...used].map((category) => ({
    ...category,
    url: `/project/category/${encodeURIComponent(category.short_name)}/`,
  }))
}

/** PyBossa's names of what a card shows. */
function pybossaValues({ shortName, progress }: ProjectCard) {
  return {
    short_name: shortName,
    n_tasks: progress.nTasks,
    n_volunteers: progress.nContributors,
    n_task_runs: progress.nTaskRuns,
    n_completed_tasks: progress.nCompletedTasks,
    overall_progress: progress.percent,
    last_activity: progress.lastActivity,
  }
}

/** The order again, for the links to other pages; empty where it is the usual one. */
function queryOf({ orderBy, desc }: Omit<Asked, 'page'>): string {
  return orderBy ? `?orderby=${orderBy}${desc ? '&desc=true' : ''}` : ''
}
