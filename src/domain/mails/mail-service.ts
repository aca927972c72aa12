import nunjucks from 'nunjucks'
import { fileURLToPath } from 'node:url'
import { NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Tx } from '../../platform/postgres.ts'
import { currentRequestId } from '../../platform/request-context.ts'
import { findMail, insertMail, listMails, markSent } from './mail-repository.ts'
import type { Mail } from './mail-repository.ts'

export type { Mail } from './mail-repository.ts'

const templates = fileURLToPath(new URL('../../../templates', import.meta.url))
const loader = new nunjucks.FileSystemLoader(templates)
const html = new nunjucks.Environment(loader, { autoescape: true })
const text = new nunjucks.Environment(loader, { autoescape: false })

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
  const whole = { ...view, subject, site: app.config.site }
  const mailId = await insertMail(tx, {
    recipient: to,
    subject,
    textBody: text.render(`email/${template}.txt`, whole),
    htmlBody: html.render(`email/${template}.html`, whole),
    requestId: currentRequestId(),
  })
  await app.queue.enqueue(tx, 'send-mail', { mailId })
}

/**
 * Hands one mail to the mail server, unless it left before. A crash between the server's yes and our note repeats it
 * once, under the same Message-ID.
 */
export async function deliverMail(
  app: Pick<App, 'mailer' | 'config'>,
  db: RequestDb,
  mailId: number,
): Promise<void> {
  const mail = await db.readPrimary((primary) => findMail(primary, mailId))
  if (!mail || mail.sent !== null || !app.mailer.delivers) return
  const host = new URL(app.config.site.url).hostname
  const answer = await app.mailer.send({
    to: mail.recipient,
    subject: mail.subject,
    text: mail.textBody,
    html: mail.htmlBody,
    messageId: `<mail-${mail.id}@${host}>`,
  })
  await db.call((primary) => markSent(primary, mailId, answer), { silent: true })
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
