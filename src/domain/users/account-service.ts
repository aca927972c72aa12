import { z } from 'zod'
import { InvalidError, NotFoundError, refusal } from '../../lib/errors.ts'
import { fieldErrors } from '../../lib/field-errors.ts'
import type { RequestDb } from '../../platform/database.ts'
import { byId, fieldsAsked, listRows } from '../../platform/list-store.ts'
import type { ListQuery } from '../../platform/list-store.ts'
import { violatedUnique } from '../../platform/postgres.ts'
import type { JsonObject } from '../../platform/schema.ts'
import { userList } from './user-list-repository.ts'
import { updateUserColumns } from './user-repository.ts'
import type { UserChanges } from './user-repository.ts'
import { accountFields, checkUserName, nameTaken } from './user-service.ts'

export type { UserChanges } from './user-repository.ts'

/** An account, whole: `mayKnowAccount` says who sees all of it. */
export interface Account {
  id: number
  name: string
  fullName: string
  email: string
  locale: string
  /** Others see only name and locale. */
  privacyMode: boolean
  info: JsonObject
  created: string
}

type Viewer = { readonly id: number; readonly isAdmin: boolean } | undefined

/** An account is seen whole by its owner and by admins. */
export function mayKnowAccount(viewer: Viewer, { id }: { readonly id: number }): boolean {
  return viewer !== undefined && (viewer.isAdmin || viewer.id === id)
}

/** Of these nobody but an admin may learn by asking which accounts have a certain one. */
const SECRET = new Set(['email', 'info', 'privacyMode'])
/** These are seen of accounts without privacy only. */
const GUARDED = new Set(['fullName', 'created'])

/**
 * A page of accounts by their attributes. Who asks by what privacy hides gets only accounts without it.
 *
 * @throws UnauthenticatedError or ForbiddenError for a filter or an order by what only admins may know.
 */
export async function listAccounts(db: RequestDb, viewer: Viewer, query: ListQuery): Promise<Account[]> {
  const asked = fieldsAsked(query)
  const isAdmin = viewer?.isAdmin === true
  if (!isAdmin && asked.some((field) => SECRET.has(field)))
    throw refusal(viewer, 'Only admins can look for people by this.')
  const isGuarded = !isAdmin && asked.some((field) => GUARDED.has(field))
  const guard = isGuarded ? [{ field: 'privacyMode', values: ['false'] }] : []
  const filters = [...query.filters, ...guard]
  return db.read((reader) => listRows<Account>(reader, userList, { ...query, filters }))
}

/** @throws NotFoundError */
export async function getAccount(db: RequestDb, id: number): Promise<Account> {
  const [account] = await db.read((reader) => listRows<Account>(reader, userList, byId(id, undefined)))
  if (!account) throw new NotFoundError('user', id)
  return account
}

/** So much of their own may people keep with their account, in characters of JSON. */
const INFO_CHARS_MAX = 100_000

const Changes = z.strictObject({
  name: accountFields.name,
  fullName: accountFields.fullName,
  locale: z.string().regex(/^[a-z]{2,3}([-_][A-Za-z]{2,4})?$/, 'A locale is a code such as en or pt-BR.'),
  privacyMode: z.boolean(),
  info: z.custom<JsonObject>(
    (info) => JSON.stringify(info).length <= INFO_CHARS_MAX,
    `Use at most ${INFO_CHARS_MAX} characters.`,
  ),
})

/**
 * Changes what people may change of their account.
 *
 * @throws InvalidError with a message per field; UnauthenticatedError or ForbiddenError for others than its owner and
 * admins.
 */
export async function updateAccount(
  db: RequestDb,
  viewer: Viewer,
  account: Account,
  changes: UserChanges,
): Promise<Account> {
  mustKnowAccount(viewer, account)
  const parsed = Changes.partial().safeParse(changes)
  if (!parsed.success) throw new InvalidError('Some fields need another look.', fieldErrors(parsed.error))
  const { name } = parsed.data
  if (name !== undefined && name !== account.name) checkUserName(name)
  const checked = Object.fromEntries(Object.entries(parsed.data).filter(([, value]) => value !== undefined))
  try {
    await db.write((tx) => updateUserColumns(tx, account.id, checked))
  } catch (error) {
    if (violatedUnique(error) === 'user_account_name') throw nameTaken()
    throw error
  }
  return { ...account, ...checked }
}

/** @throws UnauthenticatedError or ForbiddenError for others than its owner and admins. */
export function mustKnowAccount(viewer: Viewer, account: Account): void {
  if (!mayKnowAccount(viewer, account))
    throw refusal(viewer, 'An account is changed by its owner and by admins.')
}
