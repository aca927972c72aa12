import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'

export interface Mail {
  id: number
  recipient: string
  subject: string
  textBody: string
  htmlBody: string
  created: string
  sent: string | null
  /** Why it did not leave, when it will not be tried again. */
  error: string | null
}

const COLUMNS = [
  'id',
  'recipient',
  'subject',
  'text_body as textBody',
  'html_body as htmlBody',
  'created',
  'sent',
  'error',
] as const

export async function insertMail(
  tx: Tx,
  mail: {
    recipient: string
    subject: string
    textBody: string
    htmlBody: string
    requestId: string | undefined
  },
): Promise<number> {
  const { id } = await tx
    .insertInto('mail')
    .values({
      recipient: mail.recipient,
      subject: mail.subject,
      text_body: mail.textBody,
      html_body: mail.htmlBody,
      request_id: mail.requestId ?? null,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

export async function findMail(db: Db, id: number): Promise<Mail | undefined> {
  return db.selectFrom('mail').select(COLUMNS).where('id', '=', id).executeTakeFirst()
}

/** The newest mails to one address. */
export async function listMails(db: Db, recipient: string): Promise<Mail[]> {
  return db
    .selectFrom('mail')
    .select(COLUMNS)
    .where(sql`lower(recipient)`, '=', recipient.toLowerCase())
    .orderBy('id', 'desc')
    .limit(100)
    .execute()
}

export async function markSent(tx: Tx, id: number, reply: string): Promise<void> {
  await tx
    .updateTable('mail')
    .set({ sent: sql`now()`, provider_message_id: reply.slice(0, 500) })
    .where('id', '=', id)
    .execute()
}

export async function markNotSent(tx: Tx, id: number, error: string | null): Promise<void> {
  await tx
    .updateTable('mail')
    .set({ error: error?.slice(0, 500) ?? null })
    .where('id', '=', id)
    .execute()
}
