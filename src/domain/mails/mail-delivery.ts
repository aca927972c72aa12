import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../../lib/errors.ts'
import { isOfDomain } from '../../lib/mail-domain.ts'
import type { App } from '../../platform/app.ts'
import { PermanentError, PostponeError } from '../../platform/job.ts'
import type { JobRun } from '../../platform/job.ts'
import { MailError } from '../../platform/mailer.ts'
import type { Mailer } from '../../platform/mailer.ts'
import { isDatabaseAway } from '../../platform/postgres.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import { isWanted } from './choice-repository.ts'
import { unsubscribeUrl } from './choice-service.ts'
import { isDeadAddress } from './dead-address.ts'
import { countSent, findMail, markNotSent, markSent } from './mail-repository.ts'
import type { Mail } from './mail-repository.ts'
import { messageIdOf } from './message-id.ts'
import { findSuppression, insertSuppression } from './suppression-repository.ts'

/** While the mail server is away, mails wait this long between two attempts, and at most this long altogether. */
const AWAY_SECONDS = 60
const AWAY_MS_MAX = 3 * 86_400_000
/** Before it is noted again that a mail has left, while the database is away. */
const NOTE_AGAIN_MS = 500

type DeliveryApp = Pick<App, 'mailer' | 'config' | 'sealer'>

/**
 * Hands one mail to the mail server, unless it left before. A crash between the server's yes and our note repeats it
 * once, under the same Message-ID. Without a mail server the mail is only kept; so is one that its reader has
 * unsubscribed from meanwhile, or whose address is suppressed.
 *
 * @throws PermanentError when it is refused; PostponeError while the mail server is away, or when its reader has got as
 * many mails as one person may.
 */
export async function deliverMail(
  app: DeliveryApp,
  run: Pick<JobRun, 'openDb' | 'commit' | 'mustHold' | 'signal'>,
  mailId: number,
): Promise<void> {
  if (!app.mailer.delivers) return
  const { mail, obstacle, waitSeconds } = await run
    .openDb()
    .readPrimary((primary) => look(app, primary, mailId))
  if (!mail || mail.sent !== null) return
  if (obstacle !== undefined) {
    await run.commit((tx) => markNotSent(tx, mailId, obstacle))
    return
  }
  if (waitSeconds > 0)
    throw new PostponeError('Its reader has got many mails just now', waitSeconds, { isHeld: true })
  await inTurn(app.mailer, async () => {
    // A process that stood still meanwhile finds here that others have sent what waited for its turn.
    run.signal.throwIfAborted()
    await run.mustHold()
    const outcome = await send(app, mail)
    await untilNoted(run, (tx) => noteOutcome(tx, mail, outcome))
  })
}

/** A mail that has left is not sent again because the primary is away just then: whoever sent it notes so when it is back. */
async function untilNoted(
  { commit, signal }: Pick<JobRun, 'commit' | 'signal'>,
  note: (tx: Tx) => Promise<void>,
): Promise<void> {
  for (;;) {
    try {
      await commit(note)
      return
    } catch (error) {
      if (!isDatabaseAway(error) || signal.aborted) throw error
      await sleep(NOTE_AGAIN_MS)
    }
  }
}

const turns = new WeakMap<Mailer, Promise<unknown>>()

/**
 * One mail of a process at a time is between the mail server and our note, also of two queues: whoever kills the process
 * makes one mail come twice at most. More workers send more at once.
 */
async function inTurn(mailer: Mailer, work: () => Promise<void>): Promise<void> {
  const turn = (turns.get(mailer) ?? Promise.resolve()).then(work)
  turns.set(
    mailer,
    turn.catch(() => undefined),
  )
  await turn
}

async function noteOutcome(tx: Tx, mail: Mail, { isSent, reply }: Outcome): Promise<void> {
  if (isSent) {
    await markSent(tx, mail.id, reply)
    return
  }
  await markNotSent(tx, mail.id, reply)
  await insertSuppression(tx, { address: mail.recipient, cause: 'bounce', source: 'smtp', detail: reply })
}

async function look(app: DeliveryApp, db: Db, mailId: number) {
  const mail = await findMail(db, mailId)
  if (!mail) return { mail, obstacle: undefined, waitSeconds: 0 }
  return { mail, obstacle: await obstacleTo(app, db, mail), waitSeconds: await secondsToWait(app, db, mail) }
}

/**
 * Why a mail is not to be sent at all. Whoever called a notice spam may still need a new password; whoever has an address
 * of a refused provider needs the code to sign in, and to choose another one.
 */
async function obstacleTo(
  { config }: DeliveryApp,
  db: Db,
  { recipient, kind, userId, expires }: Mail,
): Promise<string | undefined> {
  if (expires !== null && Date.parse(expires) < Date.now()) return 'Too late to be of use'
  if (expires === null && isOfDomain(recipient, config.mail.refusedDomains))
    return 'Nothing is sent to addresses of this provider'
  const suppression = await findSuppression(db, recipient)
  if (suppression && (suppression.cause === 'bounce' || kind !== null))
    return `Nothing is sent to this address: ${suppression.detail}`
  if (kind !== null && userId !== null && !(await isWanted(db, userId, kind))) return 'Unsubscribed meanwhile'
  return undefined
}

/** Mails to one address are counted before they are sent, so that some at once may be a few more than the limit. */
async function secondsToWait({ config }: DeliveryApp, db: Db, { recipient, expires }: Mail): Promise<number> {
  const { limit } = config.mail
  // Of what somebody waits for few are written.
  if (!limit || expires !== null) return 0
  const { count, secondsAgo } = await countSent(db, recipient, limit.seconds)
  return count < limit.requests ? 0 : Math.max(1, Math.ceil(limit.seconds - secondsAgo))
}

/** The mail server's yes, or its no to an address that takes no mail. */
interface Outcome {
  isSent: boolean
  reply: string
}

async function send(app: DeliveryApp, mail: Mail): Promise<Outcome> {
  const { kind, userId } = mail
  try {
    const reply = await app.mailer.send({
      to: mail.recipient,
      subject: mail.subject,
      text: mail.textBody,
      html: mail.htmlBody,
      messageId: messageIdOf(app, mail),
      unsubscribeUrl: kind !== null && userId !== null ? unsubscribeUrl(app, userId, kind) : undefined,
    })
    return { isSent: true, reply }
  } catch (error) {
    if (
      error instanceof MailError &&
      error.failure === 'refused' &&
      isDeadAddress(error.reply, error.isAtRecipient)
    )
      return { isSent: false, reply: error.reply }
    throw asJobError(error, mail)
  }
}

function asJobError(error: unknown, mail: Mail): unknown {
  const failure = error instanceof MailError ? error.failure : undefined
  const message = messageOf(error)
  if (failure === 'refused') return new PermanentError(message, { cause: error })
  const isYoung = Date.now() - Date.parse(mail.created) < AWAY_MS_MAX
  return failure === 'away' && isYoung ? new PostponeError(message, AWAY_SECONDS, { cause: error }) : error
}

/** Notes that a mail will not be sent, where its reader's list shows it. */
export async function noteUndelivered(tx: Tx, mailId: number, error: unknown): Promise<void> {
  await markNotSent(tx, mailId, messageOf(error))
}

/** Notes that a mail which was given up will be sent after all. */
export async function noteWaiting(tx: Tx, mailId: number): Promise<void> {
  await markNotSent(tx, mailId, null)
}
