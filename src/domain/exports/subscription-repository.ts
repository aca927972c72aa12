import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { ExportTable } from './column-repository.ts'
import { KIND_COLUMNS } from './export-repository.ts'
import type { ExportFormat } from './export-repository.ts'

export const PERIODS = ['hourly', 'daily', 'weekly'] as const
export type Period = (typeof PERIODS)[number]

/** An export that somebody gets again and again. */
export interface Subscription {
  id: number
  projectId: number
  userId: number
  what: ExportTable
  format: ExportFormat
  period: Period
  /** Only what is new since the one before. */
  isDelta: boolean
  byMail: boolean
  /** Each is brought into the project's bucket besides. */
  toBucket: boolean
  nextDue: string
}

const COLUMNS = [
  ...KIND_COLUMNS,
  sql<Period>`period`.as('period'),
  'is_delta as isDelta',
  'by_mail as byMail',
  'to_bucket as toBucket',
  'next_due as nextDue',
] as const

export type NewSubscription = Omit<Subscription, 'id' | 'nextDue'>

const STEPS: Record<Period, string> = { hourly: '1 hour', daily: '1 day', weekly: '7 days' }

/** The next time of a period: full hours, in the night for days. */
function nextOf(period: Period) {
  const unit = period === 'hourly' ? 'hour' : 'day'
  const hours = period === 'hourly' ? '0' : '2'
  return sql<string>`date_trunc(${sql.lit(unit)}, now()) + ${sql.lit(STEPS[period])}::interval + ${sql.lit(`${hours} hours`)}::interval`
}

/** Adds a subscription; one that is there already keeps its place and takes what differs. */
export async function insertSubscription(tx: Tx, wanted: NewSubscription): Promise<void> {
  await tx
    .insertInto('export_subscription')
    .values({
      project_id: wanted.projectId,
      user_id: wanted.userId,
      what: wanted.what,
      format: wanted.format,
      period: wanted.period,
      is_delta: wanted.isDelta,
      by_mail: wanted.byMail,
      to_bucket: wanted.toBucket,
      next_due: nextOf(wanted.period),
    })
    .onConflict((conflict) =>
      conflict
        .columns(['project_id', 'user_id', 'what', 'format', 'period', 'is_delta'])
        .doUpdateSet({ by_mail: wanted.byMail, to_bucket: wanted.toBucket }),
    )
    .execute()
}

export async function countSubscriptions(tx: Tx, projectId: number): Promise<number> {
  const { n } = await tx
    .selectFrom('export_subscription')
    .select((eb) => eb.fn.countAll<number>().as('n'))
    .where('project_id', '=', projectId)
    .executeTakeFirstOrThrow()
  return n
}

export function listSubscriptions(db: Db, projectId: number): Promise<Subscription[]> {
  return db
    .selectFrom('export_subscription')
    .select(COLUMNS)
    .where('project_id', '=', projectId)
    .orderBy('id')
    .execute()
}

/** Removes one of a project's; false when there is none. */
export async function deleteSubscription(tx: Tx, projectId: number, id: number): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('export_subscription')
    .where('id', '=', id)
    .where('project_id', '=', projectId)
    .executeTakeFirst()
  return numDeletedRows > 0n
}

export async function listDueSubscriptions(db: Db, limit: number): Promise<number[]> {
  const rows = await db
    .selectFrom('export_subscription')
    .select('id')
    .where('next_due', '<=', sql<string>`now()`)
    .orderBy('next_due')
    .limit(limit)
    .execute()
  return rows.map(({ id }) => id)
}

/**
 * Takes a subscription that is due, and moves it to its next time.
 *
 * @param days that a delta may reach back; a longer one would lack what has been forgotten.
 * @returns undefined when it is not due any more; `since` null where all rows are wanted.
 */
export async function takeDueSubscription(
  tx: Tx,
  id: number,
  days: number,
): Promise<(Subscription & { since: string | null }) | undefined> {
  const due = await tx
    .selectFrom('export_subscription')
    .select(COLUMNS)
    .select(
      sql<
        string | null
      >`case when is_delta and last_taken > now() - make_interval(days => ${days}) then last_cut::text end`.as(
        'since',
      ),
    )
    .where('id', '=', id)
    .where('next_due', '<=', sql<string>`now()`)
    .forUpdate()
    .executeTakeFirst()
  if (!due) return undefined
  await tx
    .updateTable('export_subscription')
    .set({ next_due: nextOf(due.period) })
    .where('id', '=', id)
    .execute()
  return due
}

/** Notes what a subscription's export showed: the next delta begins there. Where it is wanted besides the page. */
export async function noteMade(
  tx: Tx,
  id: number,
  exportId: number,
): Promise<Pick<Subscription, 'byMail' | 'toBucket'>> {
  const noted = await tx
    .updateTable('export_subscription as s')
    .from('project_export as e')
    .set({ last_cut: sql`e.cut`, last_taken: sql`e.started` })
    .where('s.id', '=', id)
    .where('e.id', '=', exportId)
    .returning(['s.by_mail as byMail', 's.to_bucket as toBucket'])
    .executeTakeFirst()
  return noted ?? { byMail: false, toBucket: false }
}
