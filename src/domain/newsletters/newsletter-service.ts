import { z } from 'zod'
import { AppError, InvalidError, NotFoundError } from '../../lib/errors.ts'
import { fieldErrors } from '../../lib/field-errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { JobRun } from '../../platform/job.ts'
import type { Tx } from '../../platform/postgres.ts'
import { untilBulkRoom } from '../mails/bulk-room.ts'
import { mailHtml, mailText } from '../mails/mail-markup.ts'
import { queueMail, queueNotice } from '../mails/mail-service.ts'
import { findProjectForToken, getProjectById } from '../projects/project-service.ts'
import { mustBeAdmin } from '../users/user-policy.ts'
import {
  countDelivered,
  countRecipients,
  findNewsletter,
  insertNewsletter,
  listNewsletters,
  listRecipients,
  lockNewsletter,
  markProgress,
  markSending,
  updateNewsletter,
} from './newsletter-repository.ts'
import type { Newsletter, NewsletterText } from './newsletter-repository.ts'

export type { Newsletter } from './newsletter-repository.ts'

type Admin = { readonly id: number; readonly isAdmin: boolean; readonly email: string } | undefined
type MailApp = Pick<App, 'queue' | 'config' | 'sealer'>

const Form = z.object({
  subject: z.string().trim().min(1, 'Write a subject.').max(200, 'Use at most 200 characters.'),
  body: z
    .string()
    .trim()
    .min(1, 'Write what you want to tell.')
    .max(100_000, 'Use at most 100,000 characters.'),
  audience: z.enum(['all', 'owners', 'contributors'], 'Choose who gets it.'),
  project: z.string().trim().default(''),
})

const LISTED_MAX = 50

/** The latest newsletters. @throws UnauthenticatedError or ForbiddenError for others than admins, as all of these do. */
export async function listAllNewsletters(db: RequestDb, viewer: Admin): Promise<Newsletter[]> {
  mustBeAdmin(viewer)
  return db.read((reader) => listNewsletters(reader, LISTED_MAX))
}

export interface NewsletterProgress {
  newsletter: Newsletter
  /** The project whose contributors get it. */
  shortName: string
  /** How many get it now, or would. */
  nRecipients: number
  sent: number
  notSent: number
}

/** A newsletter and how far it has got. @throws NotFoundError */
export async function getNewsletter(db: RequestDb, viewer: Admin, id: number): Promise<NewsletterProgress> {
  mustBeAdmin(viewer)
  const newsletter = await db.read((reader) => findNewsletter(reader, id))
  if (!newsletter) throw new NotFoundError('newsletter', id)
  const { projectId } = newsletter
  const counts = await db.read(async (reader) => ({
    nRecipients: await countRecipients(reader, newsletter),
    ...(await countDelivered(reader, newsletter)),
  }))
  const shortName = projectId === null ? '' : (await getProjectById(db, projectId)).shortName
  return { newsletter, shortName, ...counts }
}

/** Writes a new newsletter, which nobody gets yet. @throws InvalidError with a message per field */
export async function createNewsletter(db: RequestDb, viewer: Admin, form: unknown): Promise<number> {
  const { id } = mustBeAdmin(viewer)
  const text = await checked(db, form)
  return db.write((tx) => insertNewsletter(tx, id, text))
}

/** Changes one that was not sent. @throws InvalidError; AppError conflict once it is being sent */
export async function changeNewsletter(
  db: RequestDb,
  viewer: Admin,
  id: number,
  form: unknown,
): Promise<void> {
  mustBeAdmin(viewer)
  const text = await checked(db, form)
  await db.write(async (tx) => {
    await lockDraft(tx, id)
    await updateNewsletter(tx, id, text)
  })
}

async function checked(db: RequestDb, form: unknown): Promise<NewsletterText> {
  const parsed = Form.safeParse(form)
  if (!parsed.success) throw new InvalidError('Some fields need another look.', fieldErrors(parsed.error))
  const { project: shortName, ...text } = parsed.data
  if (text.audience !== 'contributors') return { ...text, projectId: null }
  const project = shortName === '' ? undefined : await findProjectForToken(db, shortName)
  if (project) return { ...text, projectId: project.id }
  const message = 'Enter the short name of the project, as it stands in its address.'
  throw new InvalidError(message, { project: message })
}

async function lockDraft(tx: Tx, id: number): Promise<Newsletter> {
  const newsletter = await lockNewsletter(tx, id)
  if (!newsletter) throw new NotFoundError('newsletter', id)
  if (newsletter.state !== 'draft')
    throw new AppError('conflict', 'This newsletter is being sent already, or was.')
  return newsletter
}

/** Sends a newsletter to who writes it, as its readers will get it. */
export async function testNewsletter(app: MailApp, db: RequestDb, viewer: Admin, id: number): Promise<void> {
  const { email } = mustBeAdmin(viewer)
  await db.write(async (tx) => {
    const newsletter = await lockNewsletter(tx, id)
    if (!newsletter) throw new NotFoundError('newsletter', id)
    await queueMail(app, tx, { to: email, ...contentOf(newsletter) })
  })
}

/** Begins to send a newsletter to its audience. @throws AppError conflict when that has begun */
export async function sendNewsletter(
  app: Pick<App, 'queue'>,
  db: RequestDb,
  viewer: Admin,
  id: number,
): Promise<void> {
  mustBeAdmin(viewer)
  await db.write(async (tx) => {
    await lockDraft(tx, id)
    await markSending(tx, id)
    await app.queue.enqueue(tx, 'send-newsletter', { newsletterId: id })
  })
}

function contentOf({ subject, body }: Newsletter) {
  return { subject, template: 'newsletter', view: { bodyHtml: mailHtml(body), bodyText: mailText(body) } }
}

const CHUNK = 100

/**
 * Queues a newsletter's mails in chunks, each in a transaction that also notes how far it has got. Begun again it goes on
 * from there, and a mail's key keeps anybody from getting two.
 */
export async function queueNewsletter(
  app: MailApp,
  { openDb, signal }: Pick<JobRun, 'openDb' | 'signal'>,
  id: number,
): Promise<void> {
  for (let isOver = false; !isOver;) {
    await untilBulkRoom(app, { openDb, signal })
    isOver = await openDb().write((tx) => queueChunk(app, tx, id))
  }
}

async function queueChunk(app: MailApp, tx: Tx, id: number): Promise<boolean> {
  const newsletter = await lockNewsletter(tx, id)
  if (newsletter?.state !== 'sending') return true
  const readers = await listRecipients(tx, newsletter, CHUNK)
  const content = contentOf(newsletter)
  let nQueued = 0
  for (const to of readers) {
    const notice = { to, kind: 'newsletter', once: `newsletter-${id}-${to.id}`, ...content } as const
    if (await queueNotice(app, tx, notice)) nQueued += 1
  }
  await markProgress(tx, id, { lastUserId: readers.at(-1)?.id, nQueued })
  return readers.length === 0
}
