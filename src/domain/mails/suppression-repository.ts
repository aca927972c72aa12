import type { Db, Tx } from '../../platform/postgres.ts'

/** Mail to the address came back for good, or its reader called it spam. */
export type SuppressionCause = 'bounce' | 'complaint'

export interface Suppression {
  address: string
  cause: SuppressionCause
  /** How we know: the mail server refused it, a provider told us, or a report came to the mailbox. */
  source: 'smtp' | 'webhook' | 'mailbox'
  detail: string
  created: string
}

/** Suppresses an address; the first cause is kept. Whether it was not suppressed before. */
export async function insertSuppression(tx: Tx, found: Omit<Suppression, 'created'>): Promise<boolean> {
  const inserted = await tx
    .insertInto('mail_suppression')
    .values({ ...found, address: found.address.toLowerCase(), detail: found.detail.slice(0, 500) })
    .onConflict((conflict) => conflict.doNothing())
    .returning('address')
    .executeTakeFirst()
  return inserted !== undefined
}

function suppressions(db: Db) {
  return db
    .selectFrom('mail_suppression')
    .select(['address', 'cause', 'source', 'detail', 'created'])
    .$narrowType<Pick<Suppression, 'cause' | 'source'>>()
}

export async function findSuppression(db: Db, address: string): Promise<Suppression | undefined> {
  return suppressions(db).where('address', '=', address.toLowerCase()).executeTakeFirst()
}

/** The latest suppressed addresses. */
export async function listSuppressions(db: Db, limit: number): Promise<Suppression[]> {
  return suppressions(db).orderBy('created', 'desc').orderBy('address').limit(limit).execute()
}

/** Sends mails again to an address that they came back from. */
export async function deleteBounce(tx: Tx, address: string): Promise<void> {
  await tx
    .deleteFrom('mail_suppression')
    .where('address', '=', address.toLowerCase())
    .where('cause', '=', 'bounce')
    .execute()
}

/** Whether there was one to lift. */
export async function deleteSuppression(tx: Tx, address: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('mail_suppression')
    .where('address', '=', address.toLowerCase())
    .executeTakeFirst()
  return numDeletedRows > 0n
}
