import type { RequestDb } from '../../platform/database.ts'
import type { Tx } from '../../platform/postgres.ts'
import { compareTotals, foldDeltas, lockTotals, rewriteTotals } from './total-repository.ts'
import type { TotalDifference } from './total-repository.ts'

export type { TotalDifference } from './total-repository.ts'

/** Changes that go into the totals in one statement. */
export const FOLD_BATCH = 20_000

/** Brings the totals of all projects up to date; how many changes that took, none while another worker does it. */
export async function foldTotals(db: RequestDb): Promise<number> {
  return db.call((primary) => foldDeltas(primary, FOLD_BATCH), { silent: true })
}

/** What of a project's totals disagrees with its rows. */
export async function findTotalDifferences(db: RequestDb, projectId: number): Promise<TotalDifference[]> {
  const seen = await db.read((reader) => compareTotals(reader, projectId))
  return seen.length === 0 ? [] : db.readPrimary((primary) => compareTotals(primary, projectId))
}

/** Counts a project's totals anew, exactly, while the site runs and workers fold. */
export async function recountTotals(tx: Tx, projectId: number): Promise<void> {
  await lockTotals(tx, projectId)
  await rewriteTotals(tx, projectId)
}
