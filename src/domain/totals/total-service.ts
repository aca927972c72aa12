import type { RequestDb } from '../../platform/database.ts'
import { foldDeltas } from './total-repository.ts'

/** Changes that go into the totals in one statement. */
export const FOLD_BATCH = 20_000

/** Brings the totals of all projects up to date; how many changes that took, none while another worker does it. */
export async function foldTotals(db: RequestDb): Promise<number> {
  return db.call((primary) => foldDeltas(primary, FOLD_BATCH), { silent: true })
}
