import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'

/** How long and how often a code may be tried. */
export interface CodeLimits {
  readonly minutes: number
  readonly tries: number
}

const isOpen = ({ minutes, tries }: CodeLimits) =>
  sql<boolean>`used is null and n_tries < ${tries} and created > now() - make_interval(mins => ${minutes})`

/**
 * Somebody's account for this transaction alone: nobody else counts or makes their codes, or changes their password. False
 * when they have another password by now.
 */
export async function lockAccount(
  tx: Tx,
  { id, passwordHash }: { id: number; passwordHash: string | null },
): Promise<boolean> {
  const row = await tx
    .selectFrom('user_account')
    .select('id')
    .where('id', '=', id)
    .where('password_hash', 'is not distinct from', passwordHash)
    .forUpdate()
    .executeTakeFirst()
  return row !== undefined
}

/**
 * Codes that somebody has asked for within an hour and not used: those that can or could be guessed, and those that came.
 * Of others, whose mails did not leave, nobody had anything.
 */
export async function countUnused(tx: Tx, userId: number, { minutes }: CodeLimits): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from sign_in_code c
     where user_id = ${userId} and used is null and created > now() - interval '1 hour'
       and (created > now() - make_interval(mins => ${minutes}) or n_tries > 0
            or exists (select from mail where id = c.mail_id and sent is not null))`.execute(tx)
  return rows[0]?.count ?? 0
}

export async function insertCode(
  tx: Tx,
  code: { id: string; userId: number; mailId: number; hash: Buffer },
): Promise<void> {
  await tx
    .insertInto('sign_in_code')
    .values({ id: code.id, user_id: code.userId, mail_id: code.mailId, code_hash: code.hash })
    .execute()
}

/** Whether a code can still be tried. */
export async function isCodeOpen(db: Db, id: string, limits: CodeLimits): Promise<boolean> {
  const row = await db
    .selectFrom('sign_in_code')
    .select('id')
    .where('id', '=', id)
    .where(isOpen(limits))
    .executeTakeFirst()
  return row !== undefined
}

/**
 * Takes one of the tries of a code; undefined when there is none left. The account is this transaction's from then on, as
 * a new password, which takes codes away, locks it as well.
 */
export async function takeTry(
  tx: Tx,
  id: string,
  limits: CodeLimits,
): Promise<{ userId: number; hash: Buffer; triesLeft: number } | undefined> {
  await sql`
    select from user_account where id = (select user_id from sign_in_code where id = ${id}) for update`.execute(
    tx,
  )
  return tx
    .updateTable('sign_in_code')
    .set({ n_tries: sql`n_tries + 1` })
    .where('id', '=', id)
    .where(isOpen(limits))
    .returning([
      'user_id as userId',
      'code_hash as hash',
      sql<number>`${limits.tries}::int - n_tries`.as('triesLeft'),
    ])
    .executeTakeFirst()
}

export async function markUsed(tx: Tx, id: string): Promise<void> {
  await tx
    .updateTable('sign_in_code')
    .set({ used: sql`now()` })
    .where('id', '=', id)
    .execute()
}

/** Removes codes that were asked for more than a day ago; how many. */
export async function deleteOldCodes(db: Db): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('sign_in_code')
    .where('created', '<', sql<string>`now() - interval '1 day'`)
    .executeTakeFirst()
  return Number(numDeletedRows)
}
