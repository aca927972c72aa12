import { z } from 'zod'
import { ForbiddenError, InvalidError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import { violatedUnique } from '../../platform/postgres.ts'
import { queueMail } from '../mails/mail-service.ts'
import { findByEmail, parseEmail, provePassword } from '../users/user-service.ts'
import type { User } from '../users/user-service.ts'
import { updateEmail } from './account-repository.ts'
import { fingerprint } from './fingerprint.ts'

type MailApp = Pick<App, 'queue' | 'config' | 'sealer'>

const CHANGE = { purpose: 'change-email', seconds: 24 * 3_600 }
const Change = z.object({ userId: z.int(), from: z.string(), to: z.string(), password: z.string() })
type Change = z.infer<typeof Change>

/**
 * Asks for another address: a link goes to the new one, to be opened by whoever is signed in, and the old one is told.
 *
 * @throws InvalidError for a wrong password, and for an address that is none, is refused here, is theirs or is
 *   somebody else's.
 */
export async function askForAddress(
  app: MailApp,
  db: RequestDb,
  { email, password }: { email: string; password: string },
  viewer: User,
): Promise<void> {
  const user = await provePassword(db, viewer, password)
  const to = parseEmail(email, app.config.mail.refusedDomains)
  if (to.toLowerCase() === user.email.toLowerCase()) throw refused('This is your address already.')
  if (await findByEmail(db, to)) throw taken()
  const change: Change = { userId: user.id, from: user.email, to, password: fingerprint(user.passwordHash) }
  const key = await app.sealer.seal(CHANGE.purpose, change, CHANGE.seconds)
  const { name: site, url } = app.config.site
  await db.write(async (tx) => {
    await queueMail(app, tx, {
      to,
      subject: `Confirm your new address for ${site}`,
      template: 'address-change',
      view: {
        name: user.fullName,
        hours: CHANGE.seconds / 3_600,
        url: `${url}/account/email/confirm?key=${key}`,
      },
    })
    await queueMail(app, tx, {
      to: user.email,
      subject: `Another address for your account on ${site}?`,
      template: 'address-asked',
      view: { name: user.fullName, address: to, url: `${url}/account/forgot-password` },
    })
  })
}

/** What a link changes. @throws ForbiddenError when it is not for this person, too old, or was used. */
export async function openAddressChange(
  app: Pick<App, 'sealer'>,
  db: RequestDb,
  viewer: User,
  key: string,
): Promise<{ from: string; to: string }> {
  const opened = Change.safeParse(await app.sealer.open(CHANGE.purpose, key))
  if (!opened.success) throw tooOld()
  const { userId, from, to, password } = opened.data
  if (userId !== viewer.id)
    throw new ForbiddenError(
      'This link is for another account. Sign in as its owner, then open the link again.',
    )
  const user = await findByEmail(db, from)
  if (user?.id !== userId || fingerprint(user.passwordHash) !== password) throw tooOld()
  return { from, to }
}

/**
 * Gives an account the address that a link proves, and tells the old one.
 *
 * @throws ForbiddenError as above; InvalidError when somebody else has the address by now.
 */
export async function changeAddress(app: MailApp, db: RequestDb, viewer: User, key: string): Promise<string> {
  const { from, to } = await openAddressChange(app, db, viewer, key)
  const change = () =>
    db.write(async (tx) => {
      if (!(await updateEmail(tx, viewer.id, { from, to }))) throw tooOld()
      await queueMail(app, tx, {
        to: from,
        subject: `Your address for ${app.config.site.name} was changed`,
        template: 'address-changed',
        view: { name: viewer.fullName, address: to },
      })
    })
  try {
    await change()
  } catch (error) {
    if (violatedUnique(error) === 'user_account_email') throw taken()
    throw error
  }
  return to
}

function tooOld(): ForbiddenError {
  return new ForbiddenError('This link is too old or was used before. Ask for a new one.')
}

function taken(): InvalidError {
  return refused('There is another account with this address.')
}

function refused(message: string): InvalidError {
  return new InvalidError(message, { email: message })
}
