import { AppError, NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { JobRun } from '../../platform/job.ts'
import { noteChanged } from '../../platform/changes.ts'
import type { Tx } from '../../platform/postgres.ts'
import { queueMail } from '../mails/mail-service.ts'
import { tellAdmins } from '../notices/admin-notices.ts'
import { noteProject } from '../projects/project-service.ts'
import { ACTIVITY } from '../statistics/graph-service.ts'
import { LEADERS } from '../statistics/leader-service.ts'
import { PEOPLE } from '../users/user-service.ts'
import type { User } from '../users/user-service.ts'
import { findState } from './account-repository.ts'
import type { AccountState } from './account-repository.ts'
import {
  anonymise,
  cancelPlan,
  countOwned,
  findOtherAdmin,
  handOverProjects,
  lockDoomed,
  lockInactive,
  planDeletion,
  wasUsedSince,
} from './deletion-repository.ts'
import type { DoomedAccount } from './deletion-repository.ts'

export type { AccountState } from './account-repository.ts'

type MailApp = Pick<App, 'queue' | 'config'>
type DeletionApp = Pick<App, 'queue' | 'config' | 'sealer'>

/** Days in which somebody may change their mind, or who was inactive may come back. */
const DELAY_DAYS = { asked: 7, inactive: 30 } as const

/** What only the person themselves need to know of their account. @throws NotFoundError */
export async function getAccountState(db: RequestDb, { id }: { id: number }): Promise<AccountState> {
  const state = await db.readPrimary((primary) => findState(primary, id))
  if (!state) throw new NotFoundError('user', id)
  return state
}

/** How many projects somebody else gets when this person goes. */
export async function countProjects(db: RequestDb, { id }: { id: number }): Promise<number> {
  return db.read((reader) => countOwned(reader, id))
}

/**
 * Deletes an account in some days, unless that is cancelled.
 *
 * @throws AppError conflict for the only admin: nobody could run the site then, nor own what is handed over.
 */
export async function askForDeletion(app: MailApp, db: RequestDb, user: User): Promise<void> {
  await db.write(async (tx) => {
    if (user.isAdmin && (await findOtherAdmin(tx, user.id)) === undefined)
      throw new AppError('conflict', 'You are the only admin. Make somebody else an admin first.')
    const due = await plan(app, tx, user, 'asked')
    await tell(app, tx, user, 'deletion-planned', 'Your account will be deleted', due)
  })
}

async function plan(
  app: MailApp,
  tx: Tx,
  { id }: { id: number },
  cause: 'asked' | 'inactive',
): Promise<string> {
  const due = new Date(Date.now() + DELAY_DAYS[cause] * 86_400_000).toISOString()
  await planDeletion(tx, id, { due, cause })
  await app.queue.enqueue(tx, 'delete-account', { userId: id }, { notBefore: due })
  return due
}

async function tell(
  app: MailApp,
  tx: Tx,
  user: { email: string; fullName: string },
  template: string,
  subject: string,
  due: string,
): Promise<void> {
  const { url } = app.config.site
  const view = { name: user.fullName, day: due.slice(0, 10), url: `${url}/account/profile` }
  await queueMail(app, tx, { to: user.email, subject, template, view })
}

/** @throws AppError conflict when the account is not to be deleted. */
export async function cancelDeletion(db: RequestDb, { id }: { id: number }): Promise<void> {
  const isCancelled = await db.write((tx) => cancelPlan(tx, id))
  if (!isCancelled) throw new AppError('conflict', 'Your account is not going to be deleted.')
}

/**
 * Deletes an account whose time has come, all at once: its projects get other owners, its task runs stay without saying
 * whose they were. One that was cancelled, or planned anew for later, is left alone.
 */
export async function deleteAccount(
  app: DeletionApp,
  run: Pick<JobRun, 'commit'>,
  userId: number,
): Promise<void> {
  await run.commit(async (tx) => {
    const account = await lockDoomed(tx, userId)
    if (!account) return
    if (await wasUsedSince(tx, userId, DELAY_DAYS.inactive)) {
      await cancelPlan(tx, userId)
      return
    }
    await remove(app, tx, account)
  })
}

async function remove(
  app: DeletionApp,
  tx: Tx,
  { id, email, fullName, isAdmin }: DoomedAccount,
): Promise<void> {
  const adminId = await findOtherAdmin(tx, id)
  if (adminId === undefined && (isAdmin || (await countOwned(tx, id)) > 0))
    throw new Error('There is no other admin to whom the account’s projects could go')
  const handedOver = await handOverProjects(tx, id, adminId)
  for (const project of handedOver) noteProject(tx, project)
  await anonymise(tx, id, email)
  // Their name stands in graphs and leaderboards as well, and on the pages of projects.
  noteChanged(tx, ACTIVITY, LEADERS, PEOPLE)
  await queueMail(app, tx, {
    to: email,
    subject: 'Your account has been deleted',
    template: 'account-deleted',
    view: { name: fullName },
  })
  const { site } = app.config
  await tellAdmins(app, tx, {
    subject: `${site.name}: an account was deleted`,
    template: 'account-deleted-admins',
    // Of whoever it was nothing is left to be told.
    view: {
      id,
      projects: handedOver.map(({ name, shortName }) => ({
        name,
        url: `${site.url}/project/${encodeURIComponent(shortName)}/`,
      })),
    },
  })
}

const CHUNK = 100

/** Warns people who have not come for so many days that their accounts will be deleted, unless they sign in. */
export async function warnInactive(
  app: MailApp,
  { openDb, signal }: Pick<JobRun, 'openDb' | 'signal'>,
  days: number,
): Promise<number> {
  for (let total = 0; ;) {
    signal.throwIfAborted()
    const warned = await openDb().write(async (tx) => {
      const accounts = await lockInactive(tx, days, CHUNK)
      for (const account of accounts) {
        const due = await plan(app, tx, account, 'inactive')
        await tell(app, tx, account, 'account-inactive', 'Do you still want your account?', due)
      }
      return accounts.length
    })
    total += warned
    if (warned < CHUNK) return total
  }
}
