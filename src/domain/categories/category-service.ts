import { InvalidError, NotFoundError } from '../../lib/errors.ts'
import type { RequestDb } from '../../platform/database.ts'
import { listRows } from '../../platform/list-store.ts'
import type { ListQuery } from '../../platform/list-store.ts'
import { violatedForeignKey, violatedUnique } from '../../platform/postgres.ts'
import type { Db } from '../../platform/postgres.ts'
import { deleteRow, findRow, insertRow, updateRow } from '../../platform/row-store.ts'
import type { JsonObject } from '../../platform/schema.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import { mustBeAdmin } from '../users/user-policy.ts'
import { categoryTable, isOnlyCategory } from './category-repository.ts'

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
  refuseEmpty(values)
  const create = () =>
    db.write(async (tx) => findCategory(tx, await insertRow(tx, categoryTable, { ...values })))
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
  refuseEmpty({ name, shortName, description })
  const update = () =>
    db.write(async (tx) => {
      await updateRow(tx, categoryTable, category.id, { ...values })
      return findCategory(tx, category.id)
    })
  return update().catch(throwRefusal)
}

/** @throws InvalidError while projects are in the category, and for the last one: every project needs one. */
export async function deleteCategory(db: RequestDb, viewer: MaybeViewer, id: number): Promise<void> {
  mustBeAdmin(viewer)
  const remove = () =>
    db.write(async (tx) => {
      if (await isOnlyCategory(tx, id)) throw new InvalidError('The last category stays.')
      if (!(await deleteRow(tx, categoryTable, id))) throw new NotFoundError('category', id)
    })
  await remove().catch(throwRefusal)
}

function refuseEmpty({ name, shortName, description }: CategoryValues): void {
  if (![name, shortName, description].every((text) => text?.trim()))
    throw new InvalidError('A category needs a name, a short name and a description.')
}

/** Says in our words what the database refused. */
function throwRefusal(error: unknown): never {
  if (violatedUnique(error) !== undefined)
    throw new InvalidError('Another category has this name or short name.')
  if (violatedForeignKey(error) !== undefined)
    throw new InvalidError('There are projects in this category: move them first.')
  throw error
}
