import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { NoticeKind } from './mail-kinds.ts'

export interface Mail {
  id: number
  recipient: string
  subject: string
  textBody: string
  htmlBody: string
  /** The kind of notice; null for a mail that belongs to what its reader did. */
  kind: NoticeKind | null
  /** Whose notice it is. */
  userId: number | null
  created: string
  /** After which it is of no use; null for a mail that stays true. */
  expires: string | null
  sent: string | null
  /** Why it did not leave, when it will not be tried again; or what came back. */
  error: string | null
}

const COLUMNS = [
  'id',
  'recipient',
  'subject',
  'text_body as textBody',
  'html_body as htmlBody',
  // Only queueNotice writes it.
  sql<NoticeKind | null>`kind`.as('kind'),
  'user_id as userId',
  'created',
  'expires',
  'sent',
  'error',
] as const

export interface NewMail {
  recipient: string
  subject: string
  textBody: string
  htmlBody: string
  requestId: string | undefined
  kind?: NoticeKind
  userId?: number
  once?: string | undefined
  /** For how many minutes it is of use. */
  minutes?: number | undefined
}

/** The new mail's id; undefined when there is one with the same `once`. */
export async function insertMail(tx: Tx, mail: NewMail): Promise<number | undefined> {
  const inserted = await tx
    .insertInto('mail')
    .values({
      recipient: mail.recipient,
      subject: mail.subject,
      text_body: mail.textBody,
      html_body: mail.htmlBody,
      request_id: mail.requestId ?? null,
      kind: mail.kind ?? null,
      user_id: mail.userId ?? null,
      once: mail.once ?? null,
      expires: sql`now() + make_interval(mins => ${mail.minutes ?? null}::int)`,
    })
    .onConflict((conflict) => conflict.column('once').where('once', 'is not', null).doNothing())
    .returning('id')
    .executeTakeFirst()
  return inserted?.id
}

export async function findMail(db: Db, id: number): Promise<Mail | undefined> {
  return db.selectFrom('mail').select(COLUMNS).where('id', '=', id).executeTakeFirst()
}

const LISTED_MAX = 100

/** The newest mails to one address. */
export async function listMails(db: Db, recipient: string): Promise<Mail[]> {
  return db
    .selectFrom('mail')
    .select(COLUMNS)
    .where(sql`lower(recipient)`, '=', recipient.toLowerCase())
    .orderBy('id', 'desc')
    .limit(LISTED_MAX)
    .execute()
}

/** The newest mails to anybody. */
export async function listAllMails(db: Db): Promise<Mail[]> {
  return db.selectFrom('mail').select(COLUMNS).orderBy('id', 'desc').limit(LISTED_MAX).execute()
}

/** Notes that a mail has left; of one that expires nothing is kept. */
export async function markSent(tx: Tx, id: number, reply: string): Promise<void> {
  await tx
    .updateTable('mail')
    .set({
      sent: sql`now()`,
      provider_message_id: reply.slice(0, 500),
      text_body: sql`case when expires is null then text_body else '' end`,
      html_body: sql`case when expires is null then html_body else '' end`,
    })
    .where('id', '=', id)
    .execute()
}

export async function markNotSent(tx: Tx, id: number, error: string | null): Promise<void> {
  await tx
    .updateTable('mail')
    .set({
      error: error?.slice(0, 500) ?? null,
      text_body: sql`case when expires < now() then '' else text_body end`,
      html_body: sql`case when expires < now() then '' else html_body end`,
    })
    .where('id', '=', id)
    .execute()
}

/** Notes why a mail came back, if it went to this address. */
export async function markReturned(tx: Tx, id: number, address: string, error: string): Promise<void> {
  await tx
    .updateTable('mail')
    .set({ error: error.slice(0, 500) })
    .where('id', '=', id)
    .where(sql`lower(recipient)`, '=', address.toLowerCase())
    .execute()
}

/** How many mails have left for an address in the last seconds, and when the first of them did. */
export async function countSent(
  db: Db,
  recipient: string,
  seconds: number,
): Promise<{ count: number; secondsAgo: number }> {
  return db
    .selectFrom('mail')
    .select((select) => [
      select.fn.countAll<number>().as('count'),
      sql<number>`coalesce(extract(epoch from now() - min(sent)), 0)::float8`.as('secondsAgo'),
    ])
    .where(sql`lower(recipient)`, '=', recipient.toLowerCase())
    .where('sent', '>', sql<string>`now() - make_interval(secs => ${seconds})`)
    .executeTakeFirstOrThrow()
}

/** Keeps nothing of what the mails said that have expired; of how many. */
export async function blankExpired(db: Db): Promise<number> {
  const { numUpdatedRows } = await db
    .updateTable('mail')
    .set({ text_body: '', html_body: '' })
    .where('expires', '<', sql<string>`now()`)
    .where('text_body', '<>', '')
    .executeTakeFirst()
  return Number(numUpdatedRows)
}

/** Removes at most `batch` mails that are that many days old; how many. */
export async function deleteOldMails(db: Db, days: number, batch: number): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('mail')
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('mail')
        .select('id')
        .where('created', '<', sql<string>`now() - make_interval(days => ${days})`)
        .limit(batch),
    )
    .executeTakeFirst()
  return Number(numDeletedRows)
}
