import { sql } from 'kysely'
import type { Db, Tx } from './postgres.ts'

/** A row on its way to the queue servers. */
export interface DueRow {
  id: number
  job: string
}

/** A row that this run has taken. */
export interface RunRow {
  payload: unknown
  requestId: string | null
  /** How often it was begun, this time included. */
  attempts: number
}

export interface NewOutboxRow {
  job: string
  payload: unknown
  once: string | null
  requestId: string | null
  notBefore: string | null
}

/** Adds a row unless one with the same job and `once` exists; the id of the new row, or undefined. */
export async function insertOutbox(tx: Tx, row: NewOutboxRow): Promise<number | undefined> {
  const inserted = await tx
    .insertInto('outbox')
    .values({
      job: row.job,
      payload: JSON.stringify(row.payload),
      once: row.once,
      request_id: row.requestId,
      ...(row.notBefore === null ? {} : { not_before: row.notBefore, asked_for: row.notBefore }),
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .executeTakeFirst()
  return inserted?.id
}

/** Makes a row due that is put off and was not handed to the queue servers yet. */
export async function makeDue(tx: Tx, job: string, once: string): Promise<void> {
  await tx
    .updateTable('outbox')
    .set({ not_before: sql`now()` })
    .where('job', '=', job)
    .where('once', '=', once)
    .where('done', 'is', null)
    .where('failed', 'is', null)
    .where('enqueued', 'is', null)
    .where('not_before', '>', sql<string>`now()`)
    .execute()
}

/** Rows of jobs of a name that have not ended. */
function unfinished(db: Db, job: string) {
  return db
    .selectFrom('outbox')
    .select('id')
    .where('job', '=', job)
    .where('done', 'is', null)
    .where('failed', 'is', null)
}

/** Whether a job with this very payload has not ended yet. */
export async function isUnfinished(db: Db, job: string, payload: unknown): Promise<boolean> {
  const row = await unfinished(db, job)
    .where('payload', '=', JSON.stringify(payload))
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** Lets one transaction after the other decide whether a job of this name is needed. */
export async function lockJob(tx: Tx, job: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${job}, 0))`.execute(tx)
}

const inSeconds = (seconds: number) => sql<string>`now() + make_interval(secs => ${seconds})`

/** Whether so many jobs of a name, or more, have not ended. */
export async function hasUnfinished(db: Db, job: string, count: number): Promise<boolean> {
  const row = await unfinished(db, job)
    .offset(count - 1)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** Which rows to claim, and when to claim them again. */
export interface Claim {
  limit: number
  /** These jobs' rows before all others. */
  urgent: readonly string[]
  /** Rows without a sign of life are claimed again: the queue servers may have lost them. */
  repeatSeconds: number
  /** The servers lose what they were told last: who waits longer is claimed more and more seldom, down to this. */
  repeatSecondsMax: number
}

/**
 * Claims rows that are due: new ones, and those without a sign of life since they were claimed before, each after as
 * long again as that is ago. Several processes may claim at once; each row goes to one of them.
 */
export async function claimDue(primary: Db, claim: Claim): Promise<DueRow[]> {
  const { limit, urgent, repeatSeconds, repeatSecondsMax } = claim
  const isDue = sql`done is null and failed is null and not_before <= now()`
  const { rows } = await sql<DueRow>`
    with first as (
      select id from outbox where ${isDue} and job = any(${urgent})
       order by not_before limit ${limit} for update skip locked),
    rest as (
      select id from outbox where ${isDue} and job <> all(${urgent})
       order by not_before, id limit ${limit} - (select count(*) from first) for update skip locked)
    update outbox
       set enqueued = coalesce(enqueued, now()),
           not_before = now() + least(greatest(now() - enqueued, make_interval(secs => ${repeatSeconds})),
                                      make_interval(secs => ${repeatSecondsMax}))
     where id in (select id from first union all select id from rest)
    returning id, job`.execute(primary)
  return rows
}

/** Puts claimed rows back: the queue servers did not take them. */
export async function returnClaimed(primary: Db, ids: number[]): Promise<void> {
  await primary
    .updateTable('outbox')
    .set({ enqueued: null, not_before: sql`now()` })
    .where('id', 'in', ids)
    .execute()
}

/** How long a run keeps its row without a sign of life, and when the relay then hands the row out again. */
export interface Hold {
  holder: string
  heldSeconds: number
  repeatSeconds: number
}

/** Takes a row for one run, unless it has ended or another run holds it; counts the attempt. */
export async function takeRow(primary: Db, id: number, hold: Hold): Promise<RunRow | undefined> {
  return primary
    .updateTable('outbox')
    .set({
      holder: hold.holder,
      held_until: inSeconds(hold.heldSeconds),
      not_before: inSeconds(hold.repeatSeconds),
      attempts: sql`attempts + 1`,
    })
    .where('id', '=', id)
    .where('done', 'is', null)
    .where('failed', 'is', null)
    .where((where) =>
      where.or([where('held_until', 'is', null), where('held_until', '<', sql<string>`now()`)]),
    )
    .returning(['payload', 'request_id as requestId', 'attempts'])
    .executeTakeFirst()
}

/** A run's sign of life; false when the row is no longer its own. */
export async function keepRow(primary: Db, id: number, hold: Hold): Promise<boolean> {
  const { numUpdatedRows } = await primary
    .updateTable('outbox')
    .set({ held_until: inSeconds(hold.heldSeconds), not_before: inSeconds(hold.repeatSeconds) })
    .where('id', '=', id)
    .where('holder', '=', hold.holder)
    .where('done', 'is', null)
    .where('failed', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/**
 * Gives a row back to be run again; it is not begun by the relay for `repeatSeconds`.
 *
 * @param run.isHeld it does not wait for anybody until then: see `readJobFigures`.
 */
export async function giveRowBack(
  primary: Db,
  id: number,
  run: {
    holder: string
    error: string | null
    repeatSeconds: number
    countsAttempt: boolean
    isHeld: boolean
  },
): Promise<void> {
  await primary
    .updateTable('outbox')
    .set({
      holder: null,
      held_until: null,
      not_before: inSeconds(run.repeatSeconds),
      error: run.error,
      ...(run.isHeld
        ? { enqueued: null, asked_for: inSeconds(run.repeatSeconds) }
        : { enqueued: sql`coalesce(enqueued, now())` }),
      ...(run.countsAttempt ? {} : { attempts: sql`attempts - 1` }),
    })
    .where('id', '=', id)
    .where('holder', '=', run.holder)
    .where('done', 'is', null)
    .where('failed', 'is', null)
    .execute()
}

/** The row's job has had its effect; false when the row is no longer this run's, which then must not have any. */
export async function markDone(db: Db, id: number, holder: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('outbox')
    .set({ done: sql`now()`, error: null, held_until: null })
    .where('id', '=', id)
    .where('holder', '=', holder)
    .where('done', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** The row's job failed for good; false when the row is no longer this run's. */
export async function markFailed(db: Db, id: number, holder: string, error: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('outbox')
    .set({ failed: sql`now()`, error, held_until: null })
    .where('id', '=', id)
    .where('holder', '=', holder)
    .where('done', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** A job that will not be tried again. */
export interface FailedJob {
  id: number
  job: string
  payload: unknown
  requestId: string | null
  attempts: number
  created: string
  failed: string
  error: string
}

const isOpenFailure = sql<boolean>`failed is not null and dismissed is null`

const FAILED_COLUMNS = [
  'id',
  'job',
  'payload',
  'request_id as requestId',
  'attempts',
  'created',
  sql<string>`failed`.as('failed'),
  sql<string>`coalesce(error, '')`.as('error'),
] as const

/** Jobs that failed and that nobody has dismissed, latest first. */
export async function listFailedJobs(db: Db, limit: number): Promise<FailedJob[]> {
  return db
    .selectFrom('outbox')
    .select(FAILED_COLUMNS)
    .where(isOpenFailure)
    .orderBy('failed', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
}

/** How many there are of each job, most first, and when the latest failed. */
export async function countFailedJobs(db: Db): Promise<{ job: string; count: number; latest: string }[]> {
  return db
    .selectFrom('outbox')
    .select([
      'job',
      (select) => select.fn.countAll<number>().as('count'),
      sql<string>`max(failed)`.as('latest'),
    ])
    .where(isOpenFailure)
    .groupBy('job')
    .orderBy('count', 'desc')
    .orderBy('job')
    .execute()
}

/** The ids of one job's failures, after one of them. */
export async function listFailedIds(
  db: Db,
  job: string,
  { afterId, limit }: { afterId: number; limit: number },
): Promise<number[]> {
  const rows = await db
    .selectFrom('outbox')
    .select('id')
    .where(isOpenFailure)
    .where('job', '=', job)
    .where('id', '>', afterId)
    .orderBy('id')
    .limit(limit)
    .execute()
  return rows.map(({ id }) => id)
}

/** Failures of one job that admins have not heard of lately. */
export interface UntoldFailures {
  job: string
  count: number
  /** Of the latest. */
  error: string
}

/**
 * Takes the failures that nobody was told of, or that still stand after so many days, by job; as told from now on.
 *
 * @param except jobs whose failures are not told.
 */
export async function takeUntoldFailures(
  tx: Tx,
  { except, days }: { except: readonly string[]; days: number },
): Promise<UntoldFailures[]> {
  const { rows } = await sql<UntoldFailures>`
    with taken as (
      update outbox set told = now()
       where ${isOpenFailure} and job <> all(${except})
         and (told is null or told < now() - make_interval(days => ${days}))
      returning id, job, failed, error)
    select job, count(*) as count, coalesce((array_agg(error order by failed desc, id desc))[1], '') as error
      from taken group by job order by job`.execute(tx)
  return rows
}

/** One of them, for this transaction alone; undefined when it was retried or dismissed meanwhile. */
export async function lockFailedJob(tx: Tx, id: number): Promise<FailedJob | undefined> {
  return tx
    .selectFrom('outbox')
    .select(FAILED_COLUMNS)
    .where('id', '=', id)
    .where(isOpenFailure)
    .forUpdate()
    .executeTakeFirst()
}

/** Lets a failed job begin anew, with all its attempts. */
export async function reviveJob(tx: Tx, id: number): Promise<void> {
  await tx
    .updateTable('outbox')
    .set({
      failed: null,
      error: null,
      told: null,
      holder: null,
      attempts: 0,
      enqueued: null,
      asked_for: sql`now()`,
      not_before: sql`now()`,
    })
    .where('id', '=', id)
    .execute()
}

/** Takes the failures of one job until then off the list; how many. */
export async function dismissJobs(tx: Tx, job: string, until: string): Promise<number> {
  const { numUpdatedRows } = await tx
    .updateTable('outbox')
    .set({ dismissed: sql`now()` })
    .where(isOpenFailure)
    .where('job', '=', job)
    .where('failed', '<=', until)
    .executeTakeFirst()
  return Number(numUpdatedRows)
}

export async function dismissJob(tx: Tx, id: number): Promise<void> {
  await tx
    .updateTable('outbox')
    .set({ dismissed: sql`now()` })
    .where('id', '=', id)
    .execute()
}

/** What shows whether jobs of a name are taken. */
export interface JobFigures {
  job: string
  /**
   * How long, in seconds, the one has waited that was asked for first and not begun yet, from the time that it was asked
   * for; 0 when none waits.
   */
  oldestWaitingSeconds: number
  /** Given up within the last hour, and not dismissed. */
  failedLastHour: number
  /** Since one was done last; null when none of those kept was. */
  sinceDoneSeconds: number | null
}

export async function readJobFigures(db: Db, jobs: readonly string[]): Promise<JobFigures[]> {
  const { rows } = await sql<JobFigures>`
    with waiting as (
      select job, min(greatest(created, asked_for)) as since from outbox
       where done is null and failed is null and attempts = 0 and (enqueued is not null or not_before <= now())
       group by job),
    given_up as (
      select job, count(*)::int as count from outbox
       where failed > now() - interval '1 hour' and failed is not null and dismissed is null
       group by job)
    select j.job,
           greatest(coalesce(extract(epoch from now() - w.since), 0), 0)::double precision as "oldestWaitingSeconds",
           coalesce(g.count, 0) as "failedLastHour",
           extract(epoch from now() - (
             select max(o.done) from outbox o where o.job = j.job and o.done is not null))::double precision
             as "sinceDoneSeconds"
      from unnest(${jobs}::text[]) as j (job)
      left join waiting w using (job)
      left join given_up g using (job)`.execute(db)
  return rows
}

/** For how many seconds the oldest row is due that was not handed to the queue servers; 0 when none is. */
export async function oldestUnsent(db: Db): Promise<number> {
  const { rows } = await sql<{ seconds: number | null }>`
    select extract(epoch from now() - min(not_before))::float8 as seconds from outbox
     where done is null and failed is null and enqueued is null and not_before <= now()`.execute(db)
  return rows[0]?.seconds ?? 0
}

/** The latest slot of each schedule that was fired. */
export async function lastSlots(db: Db): Promise<{ task: string; slot: string }[]> {
  const { rows } = await sql<{
    task: string
    slot: string
  }>`select task, max(slot) as slot from schedule_slot group by task`.execute(db)
  return rows
}

/** Makes jobs due that were handed to the queue servers and that nobody runs, as if they never had been. */
export async function makeWaitingDue(primary: Db): Promise<void> {
  await primary
    .updateTable('outbox')
    .set({ not_before: sql`now()`, enqueued: null })
    .where('done', 'is', null)
    .where('failed', 'is', null)
    .where('enqueued', 'is not', null)
    .where((where) =>
      where.or([where('held_until', 'is', null), where('held_until', '<', sql<string>`now()`)]),
    )
    .execute()
}

/** Removes at most `batch` rows that were done, or failed, that many days ago; how many. */
export async function deleteEnded(
  db: Db,
  days: { done: number; failed: number },
  batch: number,
): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('outbox')
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('outbox')
        .select('id')
        .where((where) =>
          where.or([
            where('done', '<', sql<string>`now() - make_interval(days => ${days.done})`),
            where('failed', '<', sql<string>`now() - make_interval(days => ${days.failed})`),
          ]),
        )
        .limit(batch),
    )
    .executeTakeFirst()
  return Number(numDeletedRows)
}

/**
 * Takes a schedule's slot: true for the one caller, among any number of schedulers, who inserts it.
 *
 * @param slot the ISO time at which the schedule fires.
 */
export async function takeSlot(tx: Tx, task: string, slot: string): Promise<boolean> {
  const taken = await tx
    .insertInto('schedule_slot')
    .values({ task, slot })
    .onConflict((conflict) => conflict.doNothing())
    .returning('task')
    .executeTakeFirst()
  return taken !== undefined
}

/** Removes slots older than that many days, except each schedule's last one; how many. */
export async function deleteOldSlots(db: Db, days: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from schedule_slot s
     where s.slot < now() - make_interval(days => ${days})
       and s.slot < (select max(slot) from schedule_slot m where m.task = s.task)`.execute(db)
  return Number(numAffectedRows ?? 0)
}
