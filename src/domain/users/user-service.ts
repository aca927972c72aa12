import { createHash, randomUUID } from 'node:crypto'
import { hash, verify } from '@node-rs/argon2'
import { z } from 'zod'
import { InvalidError, NotFoundError } from '../../lib/errors.ts'
import { fieldErrors } from '../../lib/field-errors.ts'
import { isOfDomain } from '../../lib/mail-domain.ts'
import type { Identity, RequestDb } from '../../platform/database.ts'
import { violatedUnique } from '../../platform/postgres.ts'
import type { Tx } from '../../platform/postgres.ts'
import { randomToken } from '../../platform/sealing.ts'
import {
  deleteOldSessions,
  findUserByEmail,
  findUserById,
  findUserByKey,
  findUserBySession,
  insertApiKey,
  insertSession,
  insertUser,
  listAdmins,
  listApiKeys,
  noteSeen,
  revokeApiKey,
  revokeApiKeys,
  revokeSession,
  revokeSessions,
  touchApiKey,
  findAvatar,
  updateAvatar,
  updatePassword,
} from './user-repository.ts'
import type { ApiKey, User } from './user-repository.ts'

export { PEOPLE } from './user-repository.ts'
export type { ApiKey, User } from './user-repository.ts'

/** Argon2id as OWASP recommends it: 19 MiB, two passes, one lane. */
const ARGON2 = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** What people say about themselves. */
export const accountFields = {
  fullName: z
    .string()
    .trim()
    .min(3, 'Enter your name, at least 3 characters.')
    .max(35, 'Use at most 35 characters.'),
  name: z
    .string()
    .trim()
    .min(3, 'Choose a user name of at least 3 characters.')
    .max(35, 'Use at most 35 characters.')
    .regex(/^[^\s$#&\\/|]+$/u, 'A user name has no blanks and none of $ # & \\ / |'),
}

const Password = z
  .string()
  .min(8, 'Use at least 8 characters: three or four words are easy to remember.')
  .max(200, 'Use at most 200 characters.')

const Email = z.email('Enter an e-mail address like name@example.org.').max(254)

/** What the sign-up form asks for. */
const Registration = z.strictObject({
  ...accountFields,
  email: Email,
  password: Password,
})
export type Registration = z.infer<typeof Registration>

export interface SignedIn {
  user: User
  sessionId: string
}

const RESERVED_NAMES = new Set([
  'register',
  'signin',
  'signout',
  'profile',
  'projects',
  'email',
  'mail',
  'page',
  'keys',
  'newsletter',
  'confirm-email',
  'forgot-password',
  'reset-password',
])

/**
 * Creates an account and signs it in.
 *
 * @param options.also what else is to happen if, and only if, the account is made.
 * @param options.refusedDomains of addresses that get no account.
 * @throws InvalidError with a message per field, also when the name or address is taken.
 */
export async function registerUser(
  db: RequestDb,
  form: unknown,
  {
    userAgent,
    also,
    refusedDomains = [],
  }: {
    userAgent?: string
    also?: (tx: Tx, user: User) => Promise<void>
    refusedDomains?: readonly string[]
  } = {},
): Promise<SignedIn> {
  const parsed = Registration.safeParse(form)
  if (!parsed.success) throw new InvalidError('Some fields need another look.', fieldErrors(parsed.error))
  refuseDomain(parsed.data.email, refusedDomains)
  const { password, ...rest } = parsed.data
  checkUserName(rest.name)
  const passwordHash = await hash(password, ARGON2)
  const sessionId = randomUUID()
  try {
    const user = await db.write(async (tx) => {
      const inserted = await insertUser(tx, { ...rest, passwordHash })
      await insertSession(tx, { id: sessionId, userId: inserted.id, userAgent })
      await also?.(tx, inserted)
      return inserted
    })
    return { user, sessionId }
  } catch (error) {
    const constraint = violatedUnique(error)
    if (constraint === 'user_account_name') throw nameTaken()
    if (constraint === 'user_account_email') {
      throw new InvalidError('Some fields need another look.', {
        email: 'There is an account with this address already. Sign in instead.',
      })
    }
    throw error
  }
}

/**
 * An e-mail address as it was typed.
 *
 * @throws InvalidError for the field `email` when it is none, or of a domain that is refused.
 */
export function parseEmail(text: string, refusedDomains: readonly string[]): string {
  const parsed = Email.safeParse(text.trim())
  if (!parsed.success) throw badEmail(parsed.error.issues[0]?.message ?? '')
  refuseDomain(parsed.data, refusedDomains)
  return parsed.data
}

function refuseDomain(email: string, domains: readonly string[]): void {
  if (isOfDomain(email, domains))
    throw badEmail('Addresses of this provider are not taken here. Use another one.')
}

function badEmail(message: string): InvalidError {
  return new InvalidError(message, { email: message })
}

/** @throws InvalidError for a name that is one of the site's own addresses. */
export function checkUserName(name: string): void {
  if (RESERVED_NAMES.has(name.toLowerCase())) throw nameTaken()
}

export function nameTaken(): InvalidError {
  return new InvalidError('Some fields need another look.', {
    name: 'This user name is taken. Choose another one.',
  })
}

/** A hash of nothing anybody knows: checking it makes an unknown address take as long as a wrong password. */
let decoy: Promise<string> | undefined

/**
 * Whose e-mail and password these are.
 *
 * @throws InvalidError, the same for an unknown address and a wrong password.
 */
export async function checkCredentials(
  db: RequestDb,
  credentials: { email: string; password: string },
): Promise<User & { passwordHash: string | null }> {
  const found = await db.readPrimary((primary) => findUserByEmail(primary, credentials.email.trim()))
  decoy ??= hash(randomToken(), ARGON2)
  const isRight = await verify(found?.passwordHash ?? (await decoy), credentials.password)
  if (!found || !isRight) throw wrongCredentials()
  return found
}

export function wrongCredentials(): InvalidError {
  return new InvalidError('This address and password do not go together.', {
    password: 'This address and password do not go together. Check both.',
  })
}

/** Signs in by e-mail and password. @throws as `checkCredentials`. */
export async function signIn(
  db: RequestDb,
  credentials: { email: string; password: string },
  userAgent?: string,
): Promise<SignedIn> {
  const { passwordHash: _, ...user } = await checkCredentials(db, credentials)
  return db.write(async (tx) => ({ user, sessionId: await beginSession(tx, user, userAgent) }))
}

/** Begins a session of somebody who has proved who they are; its id. */
export async function beginSession(tx: Tx, user: { id: number }, userAgent?: string): Promise<string> {
  const sessionId = randomUUID()
  await insertSession(tx, { id: sessionId, userId: user.id, userAgent })
  await noteSeen(tx, user.id)
  return sessionId
}

/**
 * Gives an account a new password in place of the one that the caller knows, ends all its sessions and API keys and
 * begins a session. Of several callers at once one replaces it.
 *
 * @returns undefined when somebody else has replaced it.
 * @throws InvalidError when the password is too short or too long.
 */
export async function replacePassword(
  db: RequestDb,
  { passwordHash: before, ...user }: User & { passwordHash: string | null },
  password: string,
  userAgent?: string,
): Promise<SignedIn | undefined> {
  const parsed = Password.safeParse(password)
  if (!parsed.success)
    throw new InvalidError('Choose another password.', { password: parsed.error.issues[0]?.message ?? '' })
  const passwordHash = await hash(parsed.data, ARGON2)
  return db.write(async (tx) => {
    if (!(await updatePassword(tx, user.id, { before, after: passwordHash }))) return undefined
    await revokeSessions(tx, user.id)
    await revokeApiKeys(tx, user.id)
    return { user, sessionId: await beginSession(tx, user, userAgent) }
  })
}

/**
 * The account, to whoever knows its password; read from the primary.
 *
 * @throws InvalidError for the field `password` when it is another one.
 */
export async function provePassword(
  db: RequestDb,
  { email }: Pick<User, 'email'>,
  password: string,
): Promise<User & { passwordHash: string }> {
  const user = await findByEmail(db, email)
  if (!user?.passwordHash || !(await verify(user.passwordHash, password)))
    throw new InvalidError(WRONG_PASSWORD, { password: WRONG_PASSWORD })
  return { ...user, passwordHash: user.passwordHash }
}

const WRONG_PASSWORD = 'This is not your password. Check it, or ask for a new one.'

/** The account with an address, and its password's hash; read from the primary. */
export async function findByEmail(
  db: RequestDb,
  email: string,
): Promise<(User & { passwordHash: string | null }) | undefined> {
  return db.readPrimary((primary) => findUserByEmail(primary, email))
}

/** Ends one session everywhere, within the seconds that processes remember it. */
export async function signOut(db: RequestDb, sessionId: string): Promise<void> {
  await db.write((tx) => revokeSession(tx, sessionId))
}

/** Who a session belongs to; while the primary is away by what a replica shows, and then nobody is an admin. */
export async function getSessionUser(db: RequestDb, sessionId: string): Promise<User | undefined> {
  return asFarAsKnown(await db.readIdentity((reader) => findUserBySession(reader, sessionId)))
}

/** A replica may not know yet that somebody's rights were taken away. */
function asFarAsKnown<U extends User>({ value, isFromReplica }: Identity<U | undefined>): U | undefined {
  return value && isFromReplica ? { ...value, isAdmin: false } : value
}

/** Whoever runs the site, within a transaction that tells them something. */
export async function getAdmins(tx: Tx): Promise<User[]> {
  return listAdmins(tx)
}

/** @throws NotFoundError */
export async function getUserById(db: RequestDb, id: number): Promise<User> {
  const user = await db.readPrimary((primary) => findUserById(primary, id))
  if (!user) throw new NotFoundError('user', id)
  return user
}

/** Who an API key belongs to; while the primary is away by what a replica shows, and then nobody is an admin. */
export async function getKeyUser(
  db: RequestDb,
  key: string,
): Promise<(User & { keyId: number }) | undefined> {
  return asFarAsKnown(await db.readIdentity((reader) => findUserByKey(reader, hashKey(key))))
}

/** Notes the use of a key. */
export async function noteKeyUse(db: RequestDb, keyId: number): Promise<void> {
  await db.call((primary) => touchApiKey(primary, keyId), { silent: true })
}

/** Keys are random: a plain hash is enough, and a look-up by it is one index probe. */
function hashKey(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}

const KeyName = z.string().trim().min(1, 'Name the key, for example after the program that uses it.').max(60)

/**
 * Makes an API key. Only its hash is kept: the returned text is shown once.
 *
 * @throws InvalidError when the name is empty or too long.
 */
export async function createApiKey(db: RequestDb, user: { id: number }, name: string): Promise<string> {
  const parsed = KeyName.safeParse(name)
  if (!parsed.success)
    throw new InvalidError('Name the key.', { keyName: parsed.error.issues[0]?.message ?? '' })
  const key = randomToken()
  await db.write((tx) => insertApiKey(tx, newKey(user, parsed.data, key)))
  return key
}

/** Revokes every key of a user, who may have lost one, and makes a new one that is shown once. */
export async function replaceApiKeys(db: RequestDb, user: { id: number }): Promise<string> {
  const key = randomToken()
  await db.write(async (tx) => {
    await revokeApiKeys(tx, user.id)
    await insertApiKey(tx, newKey(user, 'Replacement', key))
  })
  return key
}

function newKey(user: { id: number }, name: string, key: string) {
  return { userId: user.id, name, hash: hashKey(key), hint: key.slice(-4) }
}

/** A user's keys that still work, without the keys themselves. */
export async function listKeys(db: RequestDb, user: { id: number }): Promise<ApiKey[]> {
  return db.readPrimary((primary) => listApiKeys(primary, user.id))
}

/** One of a user's keys that still work. @throws NotFoundError */
export async function getKey(db: RequestDb, user: { id: number }, keyId: number): Promise<ApiKey> {
  const key = (await listKeys(db, user)).find(({ id }) => id === keyId)
  if (!key) throw new NotFoundError('API key', keyId)
  return key
}

/** @throws NotFoundError when the user has no such key. */
export async function revokeKey(db: RequestDb, user: { id: number }, keyId: number): Promise<void> {
  const revoked = await db.write((tx) => revokeApiKey(tx, user.id, keyId))
  if (!revoked) throw new NotFoundError('API key', keyId)
}

/** Days after which a session's row says nothing more: its cookie has run out, or no process remembers it. */
const SESSION_DAYS = { begun: 31, revoked: 2 }

/** Forgets sessions that have run out; how many. */
export async function forgetOldSessions(db: RequestDb): Promise<number> {
  return db.call((primary) => deleteOldSessions(primary, SESSION_DAYS), { silent: true })
}

/** The address of the picture that a person shows of themselves. */
export async function getAvatar(db: RequestDb, userId: number): Promise<string | null> {
  return db.read((reader) => findAvatar(reader, userId))
}

/** Shows a picture of a person from now on, or none. */
export async function setAvatar(tx: Tx, userId: number, avatarUrl: string | null): Promise<void> {
  await updateAvatar(tx, userId, avatarUrl)
}
