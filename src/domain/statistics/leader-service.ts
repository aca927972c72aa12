import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import { PEOPLE } from '../users/user-service.ts'
import { LEADERS, PERIODS, findRank, findRanked, listLeaders } from './leader-repository.ts'
import type { Leader, Period } from './leader-repository.ts'

export { LEADERS, PERIODS } from './leader-repository.ts'
export type { Leader, Period } from './leader-repository.ts'

/** How many a leaderboard shows. */
const SHOWN = 20

const OWN_RANK = { name: 'own-rank', version: 1, freshSeconds: 600, staleSeconds: 3_600 }

export function isPeriod(text: string): text is Period {
  return PERIODS.some((period) => period === text)
}

/** The first of a period, and as of when they are; null while nobody is ranked. */
export async function listFirst(
  db: RequestDb,
  period: Period,
): Promise<{ leaders: Leader[]; asOf: string | null }> {
  const [leaders, asOf] = await Promise.all([
    db.read((reader) => listLeaders(reader, period, { from: 1, to: SHOWN })),
    db.read((reader) => findRanked(reader, period)),
  ])
  return { leaders, asOf }
}

/** A person among their neighbours, for who is not among the first. */
export interface OwnRank {
  /** Null for somebody who is not ranked. */
  rank: number | null
  neighbours: Leader[]
}

/**
 * Where a person stands, as the last ranking says.
 *
 * @param around how many neighbours are shown before and after.
 */
export async function getOwnRank(
  app: Pick<App, 'memory' | 'database'>,
  userId: number,
  period: Period,
  around: number,
): Promise<OwnRank> {
  return app.memory.get(
    OWN_RANK,
    `${userId}-${period}-${around}`,
    async (position) => {
      const db = app.database.open({ writes: false, position })
      const rank = await db.read((reader) => findRank(reader, period, userId))
      if (rank === undefined) return { rank: null, neighbours: [] }
      const ranks = { from: Math.max(rank - around, SHOWN + 1), to: rank + around }
      const neighbours = rank > SHOWN ? await db.read((reader) => listLeaders(reader, period, ranks)) : []
      return { rank, neighbours }
    },
    [LEADERS, PEOPLE],
  )
}
