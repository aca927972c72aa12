import { sql } from 'kysely'
import { noteChanged } from '../../platform/changes.ts'
import type { Db, Tx } from '../../platform/postgres.ts'

/** What remembered leaderboards are made of. */
export const LEADERS = 'leaders'

export const PERIODS = ['day', 'week', 'month', 'all'] as const
export type Period = (typeof PERIODS)[number]

export interface Leader {
  rank: number
  name: string
  /** The picture that this person shows of themselves. */
  avatarUrl: string | null
  nRuns: number
}

/** So many are ranked in each period. */
const RANKED = 1_000

const LENGTH = { day: '1 day', week: '7 days', month: '30 days' } as const

/** Waits until nobody else ranks people: two at a time could not delete the ranks that the other has yet to show. */
export async function waitToRank(tx: Tx): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('rank-people', 0))`.execute(tx)
}

/** Ranks people with an account anew: by what they did lately, or by all their counters. No task run is read. */
export async function rankPeople(tx: Tx, period: Period): Promise<void> {
  const counted =
    period === 'all'
      ? sql`select contributor_id, n_runs from contributor_project where n_runs > 0`
      : sql`select contributor_id, n_runs from activity where hour >= now() - ${LENGTH[period]}::interval`
  await tx.deleteFrom('leader').where('period', '=', period).execute()
  await sql`
    insert into leader (period, rank, user_id, n_runs)
    select ${period}, row_number() over (order by sum(x.n_runs) desc, c.user_id), c.user_id, sum(x.n_runs)
      from (${counted}) x join contributor c on c.id = x.contributor_id
     where c.user_id is not null
     group by c.user_id order by sum(x.n_runs) desc, c.user_id limit ${RANKED}`.execute(tx)
  noteChanged(tx, LEADERS)
}

/** The ranks from one to another. Who wants privacy is called by the name of their account, not by their own. */
export async function listLeaders(
  db: Db,
  period: Period,
  ranks: { from: number; to: number },
): Promise<Leader[]> {
  return db
    .selectFrom('leader')
    .innerJoin('user_account as u', 'u.id', 'leader.user_id')
    .select([
      'leader.rank',
      sql<string>`case when u.privacy_mode then u.name else u.full_name end`.as('name'),
      sql<string | null>`case when u.privacy_mode then null else u.avatar_url end`.as('avatarUrl'),
      'leader.n_runs as nRuns',
    ])
    .where('period', '=', period)
    .where('rank', '>=', ranks.from)
    .where('rank', '<=', ranks.to)
    .orderBy('rank')
    .execute()
}

/** As of when the ranks of a period hold; null while nobody is ranked. */
export async function findRanked(db: Db, period: Period): Promise<string | null> {
  const { ranked } = await db
    .selectFrom('leader')
    .select((select) => select.fn.max('ranked').as('ranked'))
    .where('period', '=', period)
    .executeTakeFirstOrThrow()
  return ranked
}

/** A person's rank; undefined for who is not among those ranked. */
export async function findRank(db: Db, period: Period, userId: number): Promise<number | undefined> {
  const row = await db
    .selectFrom('leader')
    .select('rank')
    .where('period', '=', period)
    .where('user_id', '=', userId)
    .executeTakeFirst()
  return row?.rank
}
