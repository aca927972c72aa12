import { z } from 'zod'
import { ForbiddenError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Tx } from '../../platform/postgres.ts'
import { queueMail } from '../mails/mail-service.ts'
import { findByEmail, replacePassword } from '../users/user-service.ts'
import type { SignedIn, User } from '../users/user-service.ts'
import { markConfirmed } from './account-repository.ts'
import { fingerprint } from './fingerprint.ts'

type MailApp = Pick<App, 'queue' | 'config' | 'sealer'>

/** Mails that prove an address: it was confirmed, or a password forgotten. */

const CONFIRM = { purpose: 'confirm-email', seconds: 7 * 86_400 }
const Confirmation = z.object({ userId: z.int(), email: z.string() })

/** Greets somebody who has signed up, and asks them to confirm their address. */
export async function sendWelcome(app: MailApp, tx: Tx, user: User): Promise<void> {
  await queueMail(app, tx, {
    to: user.email,
    subject: `Welcome to ${app.config.site.name}`,
    template: 'welcome',
    view: { name: user.fullName, url: await confirmationUrl(app, user) },
  })
}

/** Sends the way to confirm an address again. */
export async function askForConfirmation(app: MailApp, db: RequestDb, user: User): Promise<void> {
  const url = await confirmationUrl(app, user)
  await db.write((tx) =>
    queueMail(app, tx, {
      to: user.email,
      subject: `Confirm your address for ${app.config.site.name}`,
      template: 'confirm-email',
      view: { name: user.fullName, url },
    }),
  )
}

async function confirmationUrl(app: MailApp, { id, email }: User): Promise<string> {
  const key = await app.sealer.seal(CONFIRM.purpose, { userId: id, email }, CONFIRM.seconds)
  return `${app.config.site.url}/account/register/confirmation?key=${key}`
}

/** Whose address a link is for. @throws ForbiddenError when it is not one of ours, or too old. */
export async function openConfirmation(
  app: Pick<App, 'sealer'>,
  key: string,
): Promise<{ userId: number; email: string }> {
  const opened = Confirmation.safeParse(await app.sealer.open(CONFIRM.purpose, key))
  if (!opened.success) throw new ForbiddenError('This link is too old or broken. Ask for a new one.')
  return opened.data
}

/** @throws ForbiddenError also when the account has another address by now. */
export async function confirmAddress(app: Pick<App, 'sealer'>, db: RequestDb, key: string): Promise<void> {
  const { userId, email } = await openConfirmation(app, key)
  const isTheirs = await db.write((tx) => markConfirmed(tx, userId, email))
  if (!isTheirs) throw new ForbiddenError('The account has another address now. Ask for a new link.')
}

/** As long as on PyBossa. */
const RECOVER = { purpose: 'recover-account', seconds: 5 * 3_600 }
const Recovery = z.object({ email: z.string(), password: z.string() })

/** Sends a link for a new password to an address, if there is an account with it: nobody learns whether there is. */
export async function sendRecovery(app: MailApp, db: RequestDb, email: string): Promise<void> {
  const user = await findByEmail(db, email.trim())
  if (!user) return
  const payload = { email: user.email, password: fingerprint(user.passwordHash) }
  const key = await app.sealer.seal(RECOVER.purpose, payload, RECOVER.seconds)
  await db.write((tx) =>
    queueMail(app, tx, {
      to: user.email,
      subject: `A new password for ${app.config.site.name}`,
      template: 'recovery',
      view: {
        name: user.fullName,
        hours: RECOVER.seconds / 3_600,
        url: `${app.config.site.url}/account/reset-password?key=${key}`,
      },
    }),
  )
}

/** Whose password a link changes. @throws ForbiddenError when it is not one of ours, too old, or was used. */
export async function openRecovery(app: Pick<App, 'sealer'>, db: RequestDb, key: string): Promise<User> {
  const { passwordHash: _, ...user } = await findRecovering(app, db, key)
  return user
}

async function findRecovering(app: Pick<App, 'sealer'>, db: RequestDb, key: string) {
  const opened = Recovery.safeParse(await app.sealer.open(RECOVER.purpose, key))
  const user = opened.success ? await findByEmail(db, opened.data.email) : undefined
  if (!user || opened.data?.password !== fingerprint(user.passwordHash)) throw usedBefore()
  return user
}

function usedBefore(): ForbiddenError {
  return new ForbiddenError('This link is too old or was used before. Ask for a new one.')
}

/**
 * Sets a new password by a link and signs in; once, also when the link is used several times at the same moment.
 *
 * @throws ForbiddenError as above; InvalidError for a password too short.
 */
export async function recover(
  app: Pick<App, 'sealer'>,
  db: RequestDb,
  key: string,
  password: string,
  userAgent: string,
): Promise<SignedIn> {
  const signedIn = await replacePassword(db, await findRecovering(app, db, key), password, userAgent)
  if (!signedIn) throw usedBefore()
  return signedIn
}
