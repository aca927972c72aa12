import type { RequestDb } from '../../platform/database.ts'
import { listRows } from '../../platform/list-store.ts'
import type { ListQuery } from '../../platform/list-store.ts'
import { categoryList } from './category-list-repository.ts'

/** A page of categories by their attributes, as records of the list's fields. */
export async function listCategoryRecords(
  db: RequestDb,
  query: ListQuery,
): Promise<Record<string, unknown>[]> {
  return db.read((reader) => listRows(reader, categoryList, query))
}
