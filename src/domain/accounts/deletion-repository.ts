import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'
import { NOBODYS } from '../mails/nobody.ts'

export async function planDeletion(
  tx: Tx,
  userId: number,
  { due, cause }: { due: string; cause: 'asked' | 'inactive' },
): Promise<void> {
  await tx
    .updateTable('user_account')
    .set({ deletion_due: due, deletion_cause: cause })
    .where('id', '=', userId)
    .execute()
}

/** Whether there was a deletion to cancel. */
export async function cancelPlan(tx: Tx, userId: number): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('user_account')
    .set({ deletion_due: null, deletion_cause: null })
    .where('id', '=', userId)
    .where('deletion_due', 'is not', null)
    .where('deleted', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

export interface DoomedAccount {
  id: number
  email: string
  fullName: string
  isAdmin: boolean
}

/** The account, for this transaction alone, when it is to be deleted by now; undefined when that was cancelled. */
export async function lockDoomed(tx: Tx, userId: number): Promise<DoomedAccount | undefined> {
  return tx
    .selectFrom('user_account')
    .select(['id', 'email', 'full_name as fullName', 'is_admin as isAdmin'])
    .where('id', '=', userId)
    .where('deleted', 'is', null)
    .where('deletion_due', '<=', sql<string>`now()`)
    .forUpdate()
    .executeTakeFirst()
}

/** The admin who has been one of us for the longest, besides this person. */
export async function findOtherAdmin(db: Db, userId: number): Promise<number | undefined> {
  const admin = await db
    .selectFrom('user_account')
    .select('id')
    .where('is_admin', '=', true)
    .where('deleted', 'is', null)
    .where('id', '!=', userId)
    .orderBy('id')
    .limit(1)
    .executeTakeFirst()
  return admin?.id
}

/** Projects that a person owns, alone or with others. */
export async function countOwned(db: Db, userId: number): Promise<number> {
  const { n } = await db
    .selectFrom('project_owner')
    .select((select) => select.fn.countAll<number>().as('n'))
    .where('user_id', '=', userId)
    .executeTakeFirstOrThrow()
  return n
}

/** Gives a person's projects to their longest-standing other owner, else to an admin; which those are. */
export async function handOverProjects(
  tx: Tx,
  userId: number,
  adminId: number | undefined,
): Promise<{ name: string; shortName: string; published: boolean }[]> {
  await sql`delete from project_owner where user_id = ${userId}`.execute(tx)
  await sql`
    insert into project_owner (project_id, user_id)
    select id, ${adminId ?? null}::bigint from project p
     where owner_id = ${userId} and not exists (select from project_owner o where o.project_id = p.id)`.execute(
    tx,
  )
  const { rows } = await sql<{ name: string; shortName: string; published: boolean }>`
    update project p set owner_id = (select o.user_id from project_owner o where o.project_id = p.id
                                      order by o.created, o.user_id limit 1)
     where owner_id = ${userId} returning name, short_name as "shortName", published`.execute(tx)
  return rows
}

/**
 * Takes away all that tells who somebody was. Their task runs belong to a contributor without an account, of whom only a
 * random device and a made-up address are known; the account's row stays without anything of theirs, for what names it.
 */
export async function anonymise(tx: Tx, userId: number, email: string): Promise<void> {
  // Files that are kept ready show them as of then: nobody is given these any more.
  await sql`
    update project_export set expires = now()
     where origin = 'ready' and state = 'done' and expires > now() and project_id in (
       select cp.project_id from contributor c join contributor_project cp on cp.contributor_id = c.id
        where c.user_id = ${userId}
       union
       select project_id from task
        where fav_user_ids is not null and fav_user_ids @> array[${userId}]::bigint[])`.execute(tx)
  await sql`
    update contributor
       set kind = 'device', user_id = null, device_id = gen_random_uuid(),
           made_up_ip = concat_ws('.', 240 + floor(random() * 15), floor(random() * 256), floor(random() * 256),
                                  floor(random() * 256))
     where user_id = ${userId}`.execute(tx)
  await sql`
    update task set fav_user_ids = array_remove(fav_user_ids, ${userId}::bigint)
     where fav_user_ids is not null and fav_user_ids @> array[${userId}]::bigint[]`.execute(tx)
  for (const table of [
    'session',
    'sign_in_code',
    'api_key',
    'mail_choice',
    'presenter_draft',
    'import_schedule',
    'export_subscription',
    'leader',
  ] as const)
    await tx.deleteFrom(table).where('user_id', '=', userId).execute()
  await tx.deleteFrom('mail').where('user_id', '=', userId).execute()
  await tx
    .deleteFrom('mail')
    .where(sql`lower(recipient)`, '=', email.toLowerCase())
    .execute()
  // The nightly clean-up removes their files.
  await tx
    .updateTable('upload')
    .set({ noun: null, object_id: null })
    .where('noun', '=', 'user_account')
    .where('object_id', '=', userId)
    .execute()
  await tx
    .updateTable('account_export')
    .set({ expires: sql`now()` })
    .where('user_id', '=', userId)
    .execute()
  // Not to be guessed, lest somebody takes it first.
  const name = `deleted-${userId}-${randomBytes(6).toString('hex')}`
  await tx
    .updateTable('user_account')
    .set({
      name,
      full_name: 'Deleted account',
      email: `${name}${NOBODYS}`,
      avatar_url: null,
      email_confirmed: null,
      password_hash: null,
      locale: 'en',
      is_admin: false,
      info: '{}',
      privacy_mode: true,
      deletion_due: null,
      deletion_cause: null,
      deleted: sql`now()`,
      updated: sql`now()`,
    })
    .where('id', '=', userId)
    .execute()
}

/**
 * Accounts that nobody has used for so many days, locked: who is an admin, owns a project or is to be deleted already is
 * left out. The use of an API key counts as well.
 */
export async function lockInactive(tx: Tx, days: number, limit: number): Promise<DoomedAccount[]> {
  return tx
    .selectFrom('user_account as u')
    .select(['u.id', 'u.email', 'u.full_name as fullName', 'u.is_admin as isAdmin'])
    .where('u.deleted', 'is', null)
    .where('u.deletion_due', 'is', null)
    .where('u.is_admin', '=', false)
    .where('u.last_seen', '<', sql<string>`now() - make_interval(days => ${days})`)
    .where(sql<boolean>`not exists (select from project_owner o where o.user_id = u.id)`)
    .where(
      sql<boolean>`not exists (select from api_key k where k.user_id = u.id
                                and k.last_used >= now() - make_interval(days => ${days}))`,
    )
    .orderBy('u.id')
    .limit(limit)
    .forUpdate()
    .skipLocked()
    .execute()
}

/** Whether an account that was to be deleted because nobody came has been used by an API key since it was warned. */
export async function wasUsedSince(db: Db, userId: number, days: number): Promise<boolean> {
  const { rows } = await sql`
    select from api_key k join user_account u on u.id = k.user_id
     where k.user_id = ${userId} and u.deletion_cause = 'inactive'
       and k.last_used >= now() - make_interval(days => ${days}) limit 1`.execute(db)
  return rows.length > 0
}
