import { Router } from '@koa/router'
import { listCategoryRecords } from '../../domain/categories/category-service.ts'
import type { RequestState } from '../../http/state.ts'
import { NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { idOf } from './input.ts'
import { listArguments } from './list-arguments.ts'
import { link, toWire } from './output.ts'

const NAMES = {
  id: 'id',
  name: 'name',
  short_name: 'shortName',
  description: 'description',
  created: 'created',
  info: 'info',
} as const

/** /api/category */
export function categoryRoutes(app: App): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/category' })

  const withLink = (category: Record<string, unknown>) => ({
    ...toWire(category, NAMES),
    link: link(app.config.site.url, 'category', category['id']),
  })

  router.get('/', async (ctx) => {
    const query = listArguments(ctx, { className: 'Category', names: NAMES, hasOwnership: false })
    ctx.body = (await listCategoryRecords(ctx.state.db, query)).map(withLink)
  })

  router.get('/:id', async (ctx) => {
    const id = idOf(ctx)
    const [category] = await listCategoryRecords(ctx.state.db, {
      filters: [{ field: 'id', values: [String(id)] }],
      orderBy: 'id',
      desc: false,
      limit: 1,
      offset: 0,
      readableBy: 'everything',
    })
    if (!category) throw new NotFoundError('category', id)
    ctx.body = withLink(category)
  })

  return router
}
