import { NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Tx } from '../../platform/postgres.ts'
import { currentRequestId } from '../../platform/request-context.ts'
import { isWanted } from './choice-repository.ts'
import { unsubscribeUrl } from './choice-service.ts'
import { NOTICE_KINDS } from './mail-kinds.ts'
import type { NoticeKind } from './mail-kinds.ts'
import {
  blankExpired,
  deleteOldMails,
  findMail,
  insertMail,
  listAllMails,
  listMails,
} from './mail-repository.ts'
import type { Mail } from './mail-repository.ts'
import { renderMail } from './mail-templates.ts'
import { NOBODYS } from './nobody.ts'

export type { Mail } from './mail-repository.ts'

interface MailContent {
  subject: string
  /** The name of a pair of templates: email/<name>.html and email/<name>.txt. */
  template: string
  view: Record<string, unknown>
}

export interface MailInput extends MailContent {
  to: string
  /** For how many minutes it is of use: it is sent within them or not at all, and nothing of it is kept. */
  minutes?: number
}

/**
 * Writes a mail that belongs to what its reader did, in the transaction it follows from; it leaves once that has
 * committed. Nobody can unsubscribe from these: for all others there is `queueNotice`.
 *
 * @returns its id; undefined for an account that was deleted meanwhile.
 */
export async function queueMail(
  app: Pick<App, 'queue' | 'config'>,
  tx: Tx,
  { to, minutes, ...content }: MailInput,
): Promise<number | undefined> {
  if (to.endsWith(NOBODYS)) return undefined
  const mailId = await insertMail(tx, { recipient: to, minutes, ...written(app, content, null) })
  if (mailId !== undefined) await app.queue.enqueue(tx, 'send-mail', { mailId })
  return mailId
}

export interface NoticeInput extends MailContent {
  to: { readonly id: number; readonly email: string }
  kind: NoticeKind
  /** At most one mail with the same key: a job that begins again mails nobody twice. */
  once?: string
}

/** Writes a notice, unless its reader does not want that kind or has it already; whether it did. */
export async function queueNotice(
  app: Pick<App, 'queue' | 'config' | 'sealer'>,
  tx: Tx,
  { to, kind, once, ...content }: NoticeInput,
): Promise<boolean> {
  if (to.email.endsWith(NOBODYS) || !(await isWanted(tx, to.id, kind))) return false
  const notice = {
    kind,
    unsubscribeUrl: unsubscribeUrl(app, to.id, kind),
    choicesUrl: `${app.config.site.url}/account/mail/choices`,
  }
  const mail = { recipient: to.email, kind, userId: to.id, once, ...written(app, content, notice) }
  const mailId = await insertMail(tx, mail)
  if (mailId === undefined) return false
  await app.queue.enqueue(tx, NOTICE_KINDS[kind].isBulk ? 'send-bulk-mail' : 'send-mail', { mailId })
  return true
}

function written(app: Pick<App, 'config'>, { subject, template, view }: MailContent, notice: object | null) {
  const oneLine = subject.replace(/\s+/g, ' ')
  const bodies = renderMail(template, { ...view, notice, subject: oneLine, site: app.config.site })
  return { subject: oneLine, ...bodies, requestId: currentRequestId() }
}

/** The mails that were sent to one person, or would have been. */
export async function listMailsFor(db: RequestDb, person: { email: string }): Promise<Mail[]> {
  return db.read((reader) => listMails(reader, person.email))
}

interface Reader {
  readonly email: string
  readonly isAdmin?: boolean
}

/**
 * A mail to read. Where mails are sent, only notices can be read here: the others may hold what proves that somebody
 * reads their mailbox. Where nothing is sent, admins read all of them.
 *
 * @throws NotFoundError also for a mail to somebody else.
 */
export async function getMailFor(
  app: Pick<App, 'mailer'>,
  db: RequestDb,
  person: Reader,
  id: number,
): Promise<Mail> {
  const mail = await db.read((reader) => findMail(reader, id))
  const isOwn = mail?.recipient.toLowerCase() === person.email.toLowerCase()
  const isReadHere = !app.mailer.delivers || (mail?.kind ?? null) !== null
  const isKept = person.isAdmin === true && !app.mailer.delivers
  if (!mail || !((isOwn && isReadHere) || isKept)) throw new NotFoundError('mail', id)
  return mail
}

/** The latest mails of the site, for admins: who checks that, calls this. */
export async function listLatestMails(db: RequestDb): Promise<Mail[]> {
  return db.read((reader) => listAllMails(reader))
}

/** Keeps nothing of what mails said that were of use for minutes, and did not leave; of how many. */
export async function forgetExpired(db: RequestDb): Promise<number> {
  return db.call((primary) => blankExpired(primary), { silent: true })
}

/** Days that a mail is kept: as long as its key keeps notices from going out twice, and somebody may look for it. */
const KEPT_DAYS = 90
const DELETE_BATCH = 5_000

/** Forgets old mails; how many. */
export async function forgetOldMails(openDb: () => RequestDb): Promise<number> {
  for (let total = 0; ;) {
    const deleted = await openDb().call((primary) => deleteOldMails(primary, KEPT_DAYS, DELETE_BATCH), {
      silent: true,
    })
    total += deleted
    if (deleted < DELETE_BATCH) return total
  }
}
