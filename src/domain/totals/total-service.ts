import type { RequestDb } from '../../platform/database.ts'
import { foldDeltas, mayFold } from './total-repository.ts'

/** Brings the totals of all projects up to date; how many changes that took. Does nothing while another worker does it. */
export async function foldTotals(db: RequestDb): Promise<number> {
  return db.write(async (tx) => ((await mayFold(tx)) ? foldDeltas(tx) : 0))
}
