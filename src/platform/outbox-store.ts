import { sql } from 'kysely'
import type { Db, Tx } from './postgres.ts'

export interface OutboxRow {
  id: number
  job: string
  payload: unknown
  requestId: string | null
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
      ...(row.notBefore === null ? {} : { not_before: row.notBefore }),
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .executeTakeFirst()
  return inserted?.id
}

/**
 * Claims rows that are due and that no queue holds: never enqueued, or enqueued long ago without an end (the queue may
 * have been wiped; adding the same job id again is harmless). Several processes may claim at once.
 */
export async function claimDue(primary: Db, limit: number, repeatSeconds: number): Promise<OutboxRow[]> {
  const { rows } = await sql<OutboxRow>`
    update outbox set enqueued = now()
     where id in (
       select id from outbox
        where done is null and failed is null and not_before <= now()
          and (enqueued is null or enqueued < now() - make_interval(secs => ${repeatSeconds}))
        order by not_before, id limit ${limit} for update skip locked)
    returning id, job, payload, request_id as "requestId"`.execute(primary)
  return rows
}

/** Puts claimed rows back: the queue did not take them. */
export async function releaseClaimed(primary: Db, ids: number[]): Promise<void> {
  await primary.updateTable('outbox').set({ enqueued: null }).where('id', 'in', ids).execute()
}

/** A row that still wants to be handled, or undefined when it has ended. */
export async function findUnfinished(primary: Db, id: number): Promise<OutboxRow | undefined> {
  return primary
    .selectFrom('outbox')
    .select(['id', 'job', 'payload', 'request_id as requestId'])
    .where('id', '=', id)
    .where('done', 'is', null)
    .where('failed', 'is', null)
    .executeTakeFirst()
}

/** The row's job has had its effect. */
export async function markDone(db: Db, id: number): Promise<void> {
  await db
    .updateTable('outbox')
    .set({ done: sql`now()`, error: null })
    .where('id', '=', id)
    .execute()
}

/** The row's job failed: for good, or to be tried again. */
export async function markFailure(db: Db, id: number, error: string, isFinal: boolean): Promise<void> {
  await db
    .updateTable('outbox')
    .set({ error, ...(isFinal ? { failed: sql`now()` } : {}) })
    .where('id', '=', id)
    .execute()
}

/** Removes rows that ended well before now minus this many days; returns how many. */
export async function deleteEnded(tx: Tx, days: number): Promise<number> {
  const { numDeletedRows } = await tx
    .deleteFrom('outbox')
    .where('done', '<', sql<string>`now() - make_interval(days => ${days})`)
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
