import {
  createCategory,
  deleteCategory,
  getCategory,
  listCategoryRecords,
  updateCategory,
} from '../../domain/categories/category-service.ts'
import type { CategoryValues } from '../../domain/categories/category-service.ts'
import { mustBeAdmin } from '../../domain/users/user-policy.ts'
import type { App } from '../../platform/app.ts'
import { ApiError } from './errors.ts'
import { defineNoun } from './noun.ts'
import type { BodyOf } from './noun.ts'
import type { Operation } from './operation.ts'
import { resource } from './resource.ts'
import { integer, jsonObject, text, time } from './values.ts'

const CATEGORY = defineNoun({
  path: 'category',
  className: 'Category',
  hasOwnership: false,
  attributes: {
    // PyBossa's own client sends these two back in a PUT.
    id: { field: 'id', schema: integer, use: 'ignored' },
    name: { field: 'name', schema: text },
    short_name: { field: 'shortName', schema: text },
    description: { field: 'description', schema: text },
    created: { field: 'created', schema: time, use: 'ignored' },
    info: { field: 'info', schema: jsonObject },
  },
})

type CategoryBody = BodyOf<typeof CATEGORY.attributes>

/** /api/category: everybody reads them, admins write them. */
export function categoryOperations(app: App): Operation[] {
  return resource(app, CATEGORY, {
    list: (ctx, query): Promise<object[]> => listCategoryRecords(ctx.state.db, query),

    read: (ctx, id) => getCategory(ctx.state.db, id),

    create(ctx, body) {
      const reserved = (['id', 'created'] as const).find((key) => body[key] !== undefined)
      if (reserved) throw new ApiError('BadRequest', `Reserved keys in payload: ${reserved}`)
      return createCategory(ctx.state.db, ctx.state.viewer, valuesOf(body))
    },

    async update(ctx, id, read) {
      const { db, viewer } = ctx.state
      const category = await getCategory(db, id)
      mustBeAdmin(viewer)
      return updateCategory(db, viewer, category, valuesOf(await read()))
    },

    async remove(ctx, id) {
      const { db, viewer } = ctx.state
      await getCategory(db, id)
      await deleteCategory(db, viewer, id)
    },
  })
}

/** What a body gives: null is as empty as no letters. */
function valuesOf({ name, short_name: shortName, description, info }: CategoryBody): CategoryValues {
  const emptied = (value: string | null | undefined) => (value === null ? '' : value)
  return {
    name: emptied(name),
    shortName: emptied(shortName),
    description: emptied(description),
    info: info === null ? {} : info,
  }
}
