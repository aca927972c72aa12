import { InvalidError, NotFoundError } from '../../lib/errors.ts'
import type { RequestDb } from '../../platform/database.ts'
import { noteChanged } from '../../platform/changes.ts'
import { listRows } from '../../platform/list-store.ts'
import type { ListQuery } from '../../platform/list-store.ts'
import { violatedForeignKey, violatedUnique } from '../../platform/postgres.ts'
import type { Db } from '../../platform/postgres.ts'
import { deleteRow, findRow, insertRow, updateRow } from '../../platform/row-store.ts'
import type { JsonObject } from '../../platform/schema.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import { moveToCategory } from '../projects/project-service.ts'
import { mustBeAdmin } from '../users/user-policy.ts'
import { CATEGORIES, categoryTable, isOnlyCategory, listCounted } from './category-repository.ts'
import type { CountedCategory } from './category-repository.ts'

export { CATEGORIES } from './category-repository.ts'
export type { CountedCategory } from './category-repository.ts'

export interface Category {
  id: number
  name: string
  shortName: string
  description: string
  created: string
  info: JsonObject
}

/** What admins give of a category. */
export interface CategoryValues {
  readonly name?: string | undefined
  readonly shortName?: string | undefined
  readonly description?: string | undefined
  readonly info?: JsonObject | undefined
}

/** A page of categories by their attributes, as records of the list's fields. */
export async function listCategoryRecords(
  db: RequestDb,
  query: ListQuery,
): Promise<Record<string, unknown>[]> {
  return db.read((reader) => listRows(reader, categoryTable, query))
}

/** All categories, with how many projects are in each. */
export async function listAllCategories(db: RequestDb): Promise<CountedCategory[]> {
  return db.read((reader) => listCounted(reader))
}

/** @throws NotFoundError */
export async function getCategory(db: RequestDb, id: number): Promise<Category> {
  return db.read((reader) => findCategory(reader, id))
}

async function findCategory(db: Db, id: number): Promise<Category> {
  const category = await findRow<Category>(db, categoryTable, id)
  if (!category) throw new NotFoundError('category', id)
  return category
}

/**
 * @throws InvalidError for a text that is missing, or a name that another category has; UnauthenticatedError or
 *   ForbiddenError for others than admins.
 */
export async function createCategory(
  db: RequestDb,
  viewer: MaybeViewer,
  values: CategoryValues,
): Promise<Category> {
  mustBeAdmin(viewer)
  refuseUnusable(values)
  const create = () =>
    db.write(async (tx) => {
      noteChanged(tx, CATEGORIES)
      return findCategory(tx, await insertRow(tx, categoryTable, { ...values }))
    })
  return create().catch(throwRefusal)
}

/** Changes what is given of a category; refused as in `createCategory`. */
export async function updateCategory(
  db: RequestDb,
  viewer: MaybeViewer,
  category: Category,
  values: CategoryValues,
): Promise<Category> {
  mustBeAdmin(viewer)
  const { name = category.name, shortName = category.shortName, description = category.description } = values
  refuseUnusable({ name, shortName, description })
  const update = () =>
    db.write(async (tx) => {
      noteChanged(tx, CATEGORIES)
      await updateRow(tx, categoryTable, category.id, { ...values })
      return findCategory(tx, category.id)
    })
  return update().catch(throwRefusal)
}

/**
 * Removes a category.
 *
 * @param moveTo the category that its projects go to, in the same transaction.
 * @throws InvalidError while projects are in it, and for the last one: every project needs one.
 */
export async function deleteCategory(
  db: RequestDb,
  viewer: MaybeViewer,
  id: number,
  moveTo?: number,
): Promise<void> {
  mustBeAdmin(viewer)
  const remove = () =>
    db.write(async (tx) => {
      if (await isOnlyCategory(tx, id)) throw new InvalidError('The last category stays.')
      if (moveTo !== undefined) await moveToCategory(tx, id, (await findCategory(tx, moveTo)).id)
      noteChanged(tx, CATEGORIES)
      if (!(await deleteRow(tx, categoryTable, id))) throw new NotFoundError('category', id)
    })
  await remove().catch(throwRefusal)
}

const MISSING = 'A category needs a name, a short name and a description.'
const TAKEN = 'Another category has this name or short name.'

/** What stands where a category's short name would: below /project/category/. */
const RESERVED_SHORT_NAMES = new Set(['featured', 'draft', 'historical_contributions', 'page', '.', '..'])

function refuseUnusable({ name, shortName, description }: CategoryValues): void {
  const missing = Object.entries({ name, shortName, description }).filter(([, text]) => !text?.trim())
  if (missing.length > 0)
    throw new InvalidError(MISSING, Object.fromEntries(missing.map(([field]) => [field, MISSING])))
  if (RESERVED_SHORT_NAMES.has(shortName?.trim().toLowerCase() ?? '')) {
    const message = 'This short name is one of the site’s own addresses. Choose another one.'
    throw new InvalidError(message, { shortName: message })
  }
}

/** Says in our words what the database refused. */
function throwRefusal(error: unknown): never {
  const constraint = violatedUnique(error)
  if (constraint !== undefined)
    throw new InvalidError(TAKEN, { [constraint === 'category_name_key' ? 'name' : 'shortName']: TAKEN })
  if (violatedForeignKey(error) !== undefined)
    throw new InvalidError('There are projects in this category: move them first.')
  throw error
}
