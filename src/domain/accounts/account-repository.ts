import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'

/** What only the person themselves need to know of their account. */
export interface AccountState {
  emailConfirmed: string | null
  /** When the account will be deleted, unless somebody minds. */
  deletionDue: string | null
  deletionCause: 'asked' | 'inactive' | null
}

export async function findState(db: Db, userId: number): Promise<AccountState | undefined> {
  return db
    .selectFrom('user_account')
    .select([
      'email_confirmed as emailConfirmed',
      'deletion_due as deletionDue',
      sql<AccountState['deletionCause']>`deletion_cause`.as('deletionCause'),
    ])
    .where('id', '=', userId)
    .executeTakeFirst()
}

/** Gives an account another address, which its person has proved; false when it has another one than `from` by now. */
export async function updateEmail(
  tx: Tx,
  userId: number,
  { from, to }: { from: string; to: string },
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('user_account')
    .set({ email: to, email_confirmed: sql`now()`, updated: sql`now()` })
    .where('id', '=', userId)
    .where('email', '=', from)
    .where('deleted', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Notes that an address is its person's; false when the account has another one by now. */
export async function markConfirmed(tx: Tx, userId: number, email: string): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('user_account')
    .set({ email_confirmed: sql`coalesce(email_confirmed, now())` })
    .where('id', '=', userId)
    .where('email', '=', email)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}
