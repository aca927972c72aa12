import type { RequestDb } from '../../platform/database.ts'
import { listRows } from '../../platform/list-store.ts'
import type { ListQuery } from '../../platform/list-store.ts'
import { resultList } from './result-list-repository.ts'

/** A page of results by their attributes, as records of the list's fields. */
export async function listResultRecords(db: RequestDb, query: ListQuery): Promise<Record<string, unknown>[]> {
  return db.read((reader) => listRows(reader, resultList, query))
}
