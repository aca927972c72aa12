import { randomInt, randomUUID, timingSafeEqual } from 'node:crypto'
import { AppError, InvalidError, NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import { queueMail } from '../mails/mail-service.ts'
import { liftBounce } from '../mails/suppression-service.ts'
import { beginSession, wrongCredentials } from '../users/user-service.ts'
import type { User } from '../users/user-service.ts'
import {
  countUnused,
  deleteOldCodes,
  insertCode,
  isCodeOpen,
  lockAccount,
  markUsed,
  takeTry,
} from './sign-in-code-repository.ts'
import type { CodeLimits } from './sign-in-code-repository.ts'

/** The second proof where `SIGN_IN_CODES` asks for one: a code in the mailbox of whoever has proved their password. */

const LIMITS: CodeLimits = { minutes: 10, tries: 5 }
const DIGITS = 6
/** With the tries of each, a guess succeeds within an hour once in thirty thousand times. */
const UNUSED_MAX = 6
const UNUSED_SECONDS = 3_600

/**
 * Mails a code to somebody who has proved their password; its id, by which it is tried.
 *
 * @param user with the password that was proved, which is another one when it was changed meanwhile.
 * @throws AppError too-many when they have not used those before; InvalidError when the password is another one by now.
 */
export async function sendSignInCode(
  app: Pick<App, 'queue' | 'config' | 'sealer'>,
  db: RequestDb,
  user: User & { passwordHash: string | null },
): Promise<string> {
  const id = randomUUID()
  const code = String(randomInt(10 ** DIGITS)).padStart(DIGITS, '0')
  await db.write(async (tx) => {
    if (!(await lockAccount(tx, user))) throw wrongCredentials()
    if ((await countUnused(tx, user.id, LIMITS)) >= UNUSED_MAX) throw tooMany()
    // Whoever has to lift it would have to sign in for that: the address takes mail again, or comes back again.
    await liftBounce(tx, user.email)
    const mailId = await queueMail(app, tx, {
      to: user.email,
      subject: `Your code for ${app.config.site.name}`,
      template: 'sign-in-code',
      minutes: LIMITS.minutes,
      view: {
        name: user.fullName,
        code,
        minutes: LIMITS.minutes,
        url: `${app.config.site.url}/account/forgot-password`,
      },
    })
    if (mailId === undefined) throw wrongCredentials()
    await insertCode(tx, { id, userId: user.id, mailId, hash: hashOf(app, id, code) })
  })
  return id
}

function tooMany(): AppError {
  const message =
    'Six codes were sent within an hour and not used. Look for the latest in your mail, or try again in an hour.'
  return new AppError('too-many', message, { retryAfter: UNUSED_SECONDS })
}

/** @throws NotFoundError when a code is used, too old, was tried too often, or is none. */
export async function mustBeOpen(db: RequestDb, id: string): Promise<void> {
  if (!(await db.readPrimary((primary) => isCodeOpen(primary, id, LIMITS)))) throw over(id)
}

function over(id: string): NotFoundError {
  return new NotFoundError('sign-in code', id)
}

/**
 * Signs in by a code; once, also when it is sent several times at the same moment.
 *
 * @returns the id of the session.
 * @throws InvalidError for the field `otp` when it is another one; NotFoundError when it was the last try, and as
 *   `mustBeOpen`.
 */
export async function signInByCode(
  app: Pick<App, 'sealer'>,
  db: RequestDb,
  { id, code }: { id: string; code: string },
  userAgent: string,
): Promise<string> {
  const digits = code.replace(/\D/g, '')
  // A wrong try is committed as well: thrown inside, it would not count.
  const outcome = await db.write(async (tx) => {
    const taken = await takeTry(tx, id, LIMITS)
    if (!taken) return undefined
    const { userId, hash, triesLeft } = taken
    if (!timingSafeEqual(hash, hashOf(app, id, digits))) return { triesLeft }
    await markUsed(tx, id)
    return { sessionId: await beginSession(tx, { id: userId }, userAgent) }
  })
  if (outcome?.sessionId !== undefined) return outcome.sessionId
  if (!outcome || outcome.triesLeft === 0) throw over(id)
  const { triesLeft } = outcome
  const message = `This is another code than the one in the mail. ${triesLeft === 1 ? 'One try is' : `${triesLeft} tries are`} left.`
  throw new InvalidError(message, { otp: message })
}

function hashOf({ sealer }: Pick<App, 'sealer'>, id: string, code: string): Buffer {
  return sealer.hash('sign-in-code', `${id} ${code}`)
}

/** Forgets codes that are long over; how many. */
export async function forgetOldCodes(db: RequestDb): Promise<number> {
  return db.call((primary) => deleteOldCodes(primary), { silent: true })
}
