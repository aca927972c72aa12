import nunjucks from 'nunjucks'
import { fileURLToPath } from 'node:url'
import { NotFoundError, messageOf } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import { PermanentError, PostponeError } from '../../platform/job.ts'
import type { JobRun } from '../../platform/job.ts'
import { MailError } from '../../platform/mailer.ts'
import type { Tx } from '../../platform/postgres.ts'
import { currentRequestId } from '../../platform/request-context.ts'
import { addWords } from '../../platform/words.ts'
import { findMail, insertMail, listMails, markNotSent, markSent } from './mail-repository.ts'
import type { Mail } from './mail-repository.ts'

export type { Mail } from './mail-repository.ts'

const templates = fileURLToPath(new URL('../../../templates', import.meta.url))
const loader = new nunjucks.FileSystemLoader(templates)
const html = new nunjucks.Environment(loader, { autoescape: true, throwOnUndefined: true })
const text = new nunjucks.Environment(loader, { autoescape: false, throwOnUndefined: true })
for (const environment of [html, text]) addWords(environment, { strict: true })

export interface MailInput {
  to: string
  subject: string
  /** The name of a pair of templates: email/<name>.html and email/<name>.txt. */
  template: string
  view: Record<string, unknown>
}

/** Writes a mail in the transaction it follows from; it leaves once that has committed. */
export async function queueMail(
  app: Pick<App, 'queue' | 'config'>,
  tx: Tx,
  { to, subject, template, view }: MailInput,
): Promise<void> {
  const oneLine = subject.replace(/\s+/g, ' ')
  const whole = { ...view, subject: oneLine, site: app.config.site }
  const mailId = await insertMail(tx, {
    recipient: to,
    subject: oneLine,
    textBody: text.render(`email/${template}.txt`, whole),
    htmlBody: html.render(`email/${template}.html`, whole),
    requestId: currentRequestId(),
  })
  await app.queue.enqueue(tx, 'send-mail', { mailId })
}

/** While the mail server is away, mails wait this long between two attempts, and at most this long altogether. */
const AWAY_SECONDS = 60
const AWAY_MS_MAX = 3 * 86_400_000

/**
 * Hands one mail to the mail server, unless it left before. A crash between the server's yes and our note repeats it
 * once, under the same Message-ID. Without a mail server the mail is only kept.
 *
 * @throws PermanentError when it is refused, PostponeError while the mail server is away.
 */
export async function deliverMail(
  app: Pick<App, 'mailer' | 'config'>,
  run: Pick<JobRun, 'openDb' | 'commit'>,
  mailId: number,
): Promise<void> {
  const mail = await run.openDb().readPrimary((primary) => findMail(primary, mailId))
  if (!mail || mail.sent !== null || !app.mailer.delivers) return
  const reply = await send(app, mail)
  await run.commit((tx) => markSent(tx, mailId, reply))
}

async function send(app: Pick<App, 'mailer' | 'config'>, mail: Mail): Promise<string> {
  try {
    return await app.mailer.send({
      to: mail.recipient,
      subject: mail.subject,
      text: mail.textBody,
      html: mail.htmlBody,
      messageId: messageIdOf(app, mail),
    })
  } catch (error) {
    const failure = error instanceof MailError ? error.failure : undefined
    const message = messageOf(error)
    if (failure === 'refused') throw new PermanentError(message, { cause: error })
    const isYoung = Date.now() - Date.parse(mail.created) < AWAY_MS_MAX
    if (failure === 'away' && isYoung) throw new PostponeError(message, AWAY_SECONDS, { cause: error })
    throw error
  }
}

/** The same for every attempt; the time tells mails of two databases on one host apart. */
function messageIdOf(app: Pick<App, 'config'>, { id, created }: Mail): string {
  return `<mail-${id}-${created.replace(/\D/g, '')}@${new URL(app.config.site.url).hostname}>`
}

/** Notes that a mail will not be sent, where its reader's list shows it. */
export async function noteUndelivered(tx: Tx, mailId: number, error: unknown): Promise<void> {
  await markNotSent(tx, mailId, messageOf(error))
}

/** Notes that a mail which was given up will be sent after all. */
export async function noteWaiting(tx: Tx, mailId: number): Promise<void> {
  await markNotSent(tx, mailId, null)
}

/** The mails that were sent to one person, or would have been. */
export async function listMailsFor(db: RequestDb, person: { email: string }): Promise<Mail[]> {
  return db.read((reader) => listMails(reader, person.email))
}

/** @throws NotFoundError also for a mail to somebody else. */
export async function getMailFor(db: RequestDb, person: { email: string }, id: number): Promise<Mail> {
  const mail = await db.read((reader) => findMail(reader, id))
  if (mail?.recipient.toLowerCase() !== person.email.toLowerCase()) throw new NotFoundError('mail', id)
  return mail
}
