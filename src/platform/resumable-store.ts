import { sql } from 'kysely'
import type { Db, Tx } from './postgres.ts'

/** An upload in pieces that begins. */
export interface BegunUpload {
  readonly id: string
  readonly userId: number
  readonly bytes: number
}

/** How many uploads of a person no form has taken yet, and how large they are or will be. */
export interface WaitingUploads {
  readonly count: number
  readonly bytes: number
}

/** What waits already; nobody else begins an upload of this person before the transaction ends. */
export async function lockWaiting(tx: Tx, userId: number): Promise<WaitingUploads> {
  await sql`select pg_advisory_xact_lock(hashtextextended('resumable-upload', ${userId}))`.execute(tx)
  const { rows } = await sql<WaitingUploads>`
    select count(*)::int as count, coalesce(sum(bytes), 0)::float8 as bytes
      from resumable_upload where user_id = ${userId}`.execute(tx)
  return rows[0] ?? { count: 0, bytes: 0 }
}

export async function insertWaiting(tx: Tx, { id, userId, bytes }: BegunUpload): Promise<void> {
  await tx.insertInto('resumable_upload').values({ id, user_id: userId, bytes }).execute()
}

export async function deleteWaiting(db: Db, id: string): Promise<void> {
  await db.deleteFrom('resumable_upload').where('id', '=', id).execute()
}

/** Forgets those that began so long ago. */
export async function deleteOldWaiting(db: Db, seconds: number): Promise<void> {
  await sql`delete from resumable_upload where created < now() - make_interval(secs => ${seconds})`.execute(
    db,
  )
}
