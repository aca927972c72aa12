import { listCategoryRecords } from '../../domain/categories/category-service.ts'
import { NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { defineNoun } from './noun.ts'
import type { Operation } from './operation.ts'
import { resource } from './resource.ts'
import { integer, jsonObject, text, time } from './values.ts'

const CATEGORY = defineNoun({
  path: 'category',
  className: 'Category',
  hasOwnership: false,
  attributes: {
    id: { field: 'id', schema: integer, use: 'reserved' },
    name: { field: 'name', schema: text },
    short_name: { field: 'shortName', schema: text },
    description: { field: 'description', schema: text },
    created: { field: 'created', schema: time, use: 'reserved' },
    info: { field: 'info', schema: jsonObject },
  },
})

/** /api/category */
export function categoryOperations(app: App): Operation[] {
  return resource(app, CATEGORY, {
    list: (ctx, query) => listCategoryRecords(ctx.state.db, query),
    async read(ctx, id) {
      const [category] = await listCategoryRecords(ctx.state.db, {
        filters: [{ field: 'id', values: [String(id)] }],
        orderBy: 'id',
        desc: false,
        limit: 1,
        offset: 0,
        readableBy: 'everything',
      })
      if (!category) throw new NotFoundError('category', id)
      return category
    },
  })
}
