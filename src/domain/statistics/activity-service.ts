import type { RequestDb } from '../../platform/database.ts'
import { countActivity, forgetOldActivity, listUncounted } from './activity-repository.ts'
import { PERIODS, rankPeople, waitToRank } from './leader-repository.ts'
import { noteSiteDay } from './site-statistics-repository.ts'

/** Of a project that was never counted so many task runs at a time: each is read and grouped within a second or two. */
const RUNS_AT_ONCE = 200_000

/**
 * Counts what people did since it was counted last, project by project: the cost is that of the new task runs.
 *
 * @param signal aborted when there is no time for more: what was counted by then is kept.
 * @returns how many projects had something to count.
 */
export async function countNewActivity(
  openDb: () => RequestDb,
  signal: AbortSignal,
  runsAtOnce = RUNS_AT_ONCE,
): Promise<number> {
  const projectIds = await openDb().readPrimary(listUncounted)
  for (const projectId of projectIds) {
    for (let isMore = true; isMore;) {
      signal.throwIfAborted()
      isMore = await openDb().write((tx) => countActivity(tx, projectId, runsAtOnce))
    }
  }
  await openDb().call(forgetOldActivity, { silent: true })
  return projectIds.length
}

/** Ranks everybody anew, in every period. */
export async function rankEverybody(db: RequestDb): Promise<void> {
  await db.write(async (tx) => {
    await waitToRank(tx)
    for (const period of PERIODS) await rankPeople(tx, period)
  })
}

/** Notes what the site has today. */
export async function noteSite(db: RequestDb): Promise<void> {
  await db.write(noteSiteDay)
}
