import { sql } from 'kysely'
import { noteChanged } from '../../platform/changes.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { JsonObject } from '../../platform/schema.ts'

/** What remembered values are made of that show what people are called, or their pictures. */
export const PEOPLE = 'people'

export interface User {
  id: number
  name: string
  fullName: string
  email: string
  isAdmin: boolean
  locale: string
}

export interface NewUser {
  name: string
  fullName: string
  email: string
  passwordHash: string
}

const COLUMNS = [
  'user_account.id',
  'user_account.name',
  'user_account.full_name as fullName',
  'user_account.email',
  'user_account.is_admin as isAdmin',
  'user_account.locale',
] as const

/** Adds an account. The very first one is the admin's, as on PyBossa. */
export async function insertUser(tx: Tx, user: NewUser): Promise<User> {
  return tx
    .insertInto('user_account')
    .values({
      name: user.name,
      full_name: user.fullName,
      email: user.email,
      password_hash: user.passwordHash,
      is_admin: sql<boolean>`not exists (select from user_account)`,
    })
    .returning(COLUMNS)
    .executeTakeFirstOrThrow()
}

/** The account with this e-mail address, in any case of letters, and its password's hash. */
export async function findUserByEmail(
  db: Db,
  email: string,
): Promise<(User & { passwordHash: string | null }) | undefined> {
  return db
    .selectFrom('user_account')
    .select([...COLUMNS, 'password_hash as passwordHash'])
    .where(sql`lower(email)`, '=', email.toLowerCase())
    .where('deleted', 'is', null)
    .executeTakeFirst()
}

/** Whoever runs the site, by id. */
export async function listAdmins(db: Db): Promise<User[]> {
  return db
    .selectFrom('user_account')
    .select(COLUMNS)
    .where('is_admin', '=', true)
    .where('deleted', 'is', null)
    .orderBy('id')
    .execute()
}

export async function findUserById(db: Db, id: number): Promise<User | undefined> {
  return db.selectFrom('user_account').select(COLUMNS).where('id', '=', id).executeTakeFirst()
}

/** The account that an API key belongs to; unknown and revoked keys have none. */
export async function findUserByKey(
  db: Db,
  keyHash: Buffer,
): Promise<(User & { keyId: number }) | undefined> {
  return db
    .selectFrom('api_key')
    .innerJoin('user_account', 'user_account.id', 'api_key.user_id')
    .select([...COLUMNS, 'api_key.id as keyId'])
    .where('key_hash', '=', keyHash)
    .where('revoked', 'is', null)
    .where('deleted', 'is', null)
    .executeTakeFirst()
}

/** The account behind a session that has not been revoked. */
export async function findUserBySession(db: Db, sessionId: string): Promise<User | undefined> {
  return db
    .selectFrom('session')
    .innerJoin('user_account', 'user_account.id', 'session.user_id')
    .select(COLUMNS)
    .where('session.id', '=', sessionId)
    .where('revoked', 'is', null)
    .where('deleted', 'is', null)
    .executeTakeFirst()
}

/** What people may change of their account; a missing key leaves the column as it is. */
export interface UserChanges {
  name?: string
  fullName?: string
  locale?: string
  privacyMode?: boolean
  info?: JsonObject
}

/** What of an account others see. */
const SHOWN = ['name', 'fullName', 'privacyMode'] as const

export async function updateUserColumns(tx: Tx, id: number, changes: UserChanges): Promise<void> {
  const columns = {
    name: changes.name,
    full_name: changes.fullName,
    locale: changes.locale,
    privacy_mode: changes.privacyMode,
    info: changes.info === undefined ? undefined : JSON.stringify(changes.info),
  }
  const set = Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined))
  const before = await tx
    .selectFrom('user_account')
    .select(['name', 'full_name as fullName', 'privacy_mode as privacyMode'])
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
  await tx
    .updateTable('user_account')
    .set({ ...set, updated: sql`now()` })
    .where('id', '=', id)
    .execute()
  // Very many pages are made of it: whoever sends what is there already changes none.
  if (SHOWN.some((name) => changes[name] !== undefined && changes[name] !== before?.[name]))
    noteChanged(tx, PEOPLE)
}

export async function updateAvatar(tx: Tx, id: number, avatarUrl: string | null): Promise<void> {
  await tx.updateTable('user_account').set({ avatar_url: avatarUrl }).where('id', '=', id).execute()
  noteChanged(tx, PEOPLE)
}

export async function findAvatar(db: Db, id: number): Promise<string | null> {
  const row = await db.selectFrom('user_account').select('avatar_url').where('id', '=', id).executeTakeFirst()
  return row?.avatar_url ?? null
}

export async function insertSession(
  tx: Tx,
  session: { id: string; userId: number; userAgent: string | undefined },
): Promise<void> {
  await tx
    .insertInto('session')
    .values({ id: session.id, user_id: session.userId, user_agent: session.userAgent?.slice(0, 300) ?? null })
    .execute()
}

/** Notes that somebody was here: an account that was to be deleted because nobody came is kept. */
export async function noteSeen(tx: Tx, userId: number): Promise<void> {
  await tx
    .updateTable('user_account')
    .set({
      last_seen: sql`now()`,
      deletion_due: sql`case when deletion_cause = 'asked' then deletion_due end`,
      deletion_cause: sql`nullif(deletion_cause, 'inactive')`,
    })
    .where('id', '=', userId)
    .execute()
}

/** Replaces a password; false when the account has another one than `before` by now, or is gone. */
export async function updatePassword(
  tx: Tx,
  userId: number,
  { before, after }: { before: string | null; after: string },
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('user_account')
    .set({ password_hash: after, updated: sql`now()` })
    .where('id', '=', userId)
    .where('deleted', 'is', null)
    .where('password_hash', 'is not distinct from', before)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Ends every session of a user, and what a mailed code would begin; the account is locked before. */
export async function revokeSessions(tx: Tx, userId: number): Promise<void> {
  await tx.deleteFrom('sign_in_code').where('user_id', '=', userId).execute()
  await tx
    .updateTable('session')
    .set({ revoked: sql`now()` })
    .where('user_id', '=', userId)
    .where('revoked', 'is', null)
    .execute()
}

export async function revokeSession(tx: Tx, sessionId: string): Promise<void> {
  await tx
    .updateTable('session')
    .set({ revoked: sql`now()` })
    .where('id', '=', sessionId)
    .execute()
}

/** Removes sessions that began, or were revoked, that many days ago; how many. */
export async function deleteOldSessions(db: Db, days: { begun: number; revoked: number }): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('session')
    .where((where) =>
      where.or([
        where('created', '<', sql<string>`now() - make_interval(days => ${days.begun})`),
        where('revoked', '<', sql<string>`now() - make_interval(days => ${days.revoked})`),
      ]),
    )
    .executeTakeFirst()
  return Number(numDeletedRows)
}

export interface ApiKey {
  id: number
  name: string
  hint: string
  created: string
  lastUsed: string | null
}

export async function listApiKeys(db: Db, userId: number): Promise<ApiKey[]> {
  return db
    .selectFrom('api_key')
    .select(['id', 'name', 'hint', 'created', 'last_used as lastUsed'])
    .where('user_id', '=', userId)
    .where('revoked', 'is', null)
    .orderBy('id')
    .execute()
}

export async function insertApiKey(
  tx: Tx,
  key: { userId: number; name: string; hash: Buffer; hint: string },
): Promise<void> {
  await tx
    .insertInto('api_key')
    .values({ user_id: key.userId, name: key.name, key_hash: key.hash, hint: key.hint })
    .execute()
}

/** Revokes one of a user's keys; whether there was one. */
export async function revokeApiKey(tx: Tx, userId: number, keyId: number): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('api_key')
    .set({ revoked: sql`now()` })
    .where('id', '=', keyId)
    .where('user_id', '=', userId)
    .where('revoked', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Revokes all keys of a user. */
export async function revokeApiKeys(tx: Tx, userId: number): Promise<void> {
  await tx
    .updateTable('api_key')
    .set({ revoked: sql`now()` })
    .where('user_id', '=', userId)
    .where('revoked', 'is', null)
    .execute()
}

/** Notes that keys were used today; at most one write per key and hour. */
export async function touchApiKey(db: Db, keyId: number): Promise<void> {
  await db
    .updateTable('api_key')
    .set({ last_used: sql`now()` })
    .where('id', '=', keyId)
    .where((where) =>
      where.or([
        where('last_used', 'is', null),
        where('last_used', '<', sql<string>`now() - interval '1 hour'`),
      ]),
    )
    .execute()
}
