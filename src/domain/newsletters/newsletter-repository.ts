import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'

/** Who gets it, of those who want newsletters: all, owners of projects, or contributors of one project. */
export type Audience = 'all' | 'owners' | 'contributors'

export interface NewsletterText {
  subject: string
  /** Markdown. */
  body: string
  audience: Audience
  projectId: number | null
}

export interface Newsletter extends NewsletterText {
  id: number
  userId: number
  state: 'draft' | 'sending' | 'sent'
  lastUserId: number
  /** Mails that were queued. */
  nQueued: number
  created: string
  started: string | null
  finished: string | null
}

function newsletters(db: Db) {
  return db
    .selectFrom('newsletter')
    .select([
      'id',
      'user_id as userId',
      'subject',
      'body',
      sql<Audience>`audience`.as('audience'),
      'project_id as projectId',
      sql<Newsletter['state']>`state`.as('state'),
      'last_user_id as lastUserId',
      'n_queued as nQueued',
      'created',
      'started',
      'finished',
    ])
}

/** The latest ones. */
export async function listNewsletters(db: Db, limit: number): Promise<Newsletter[]> {
  return newsletters(db).orderBy('id', 'desc').limit(limit).execute()
}

export async function findNewsletter(db: Db, id: number): Promise<Newsletter | undefined> {
  return newsletters(db).where('id', '=', id).executeTakeFirst()
}

/** The same, for this transaction alone. */
export async function lockNewsletter(tx: Tx, id: number): Promise<Newsletter | undefined> {
  return newsletters(tx).where('id', '=', id).forUpdate().executeTakeFirst()
}

export async function insertNewsletter(tx: Tx, userId: number, text: NewsletterText): Promise<number> {
  const { id } = await tx
    .insertInto('newsletter')
    .values({ user_id: userId, ...columnsOf(text) })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

export async function updateNewsletter(tx: Tx, id: number, text: NewsletterText): Promise<void> {
  await tx.updateTable('newsletter').set(columnsOf(text)).where('id', '=', id).execute()
}

function columnsOf({ subject, body, audience, projectId }: NewsletterText) {
  return { subject, body, audience, project_id: projectId }
}

export async function markSending(tx: Tx, id: number): Promise<void> {
  await tx
    .updateTable('newsletter')
    .set({ state: 'sending', started: sql`now()` })
    .where('id', '=', id)
    .execute()
}

/** Notes how far it has got; at its end without a last recipient. */
export async function markProgress(
  tx: Tx,
  id: number,
  { lastUserId, nQueued }: { lastUserId: number | undefined; nQueued: number },
): Promise<void> {
  await tx
    .updateTable('newsletter')
    .set({
      n_queued: sql`n_queued + ${nQueued}`,
      ...(lastUserId === undefined ? { state: 'sent', finished: sql`now()` } : { last_user_id: lastUserId }),
    })
    .where('id', '=', id)
    .execute()
}

/** People who are there, want newsletters, and belong to its audience. */
function recipients(db: Db, { audience, projectId }: Pick<Newsletter, 'audience' | 'projectId'>) {
  return db
    .selectFrom('user_account as u')
    .innerJoin('mail_choice as m', (join) =>
      join.onRef('m.user_id', '=', 'u.id').on('m.kind', '=', 'newsletter'),
    )
    .where('m.wanted', '=', true)
    .where('u.deleted', 'is', null)
    .where(isInAudience(audience, projectId))
}

function isInAudience(audience: Audience, projectId: number | null): RawBuilder<boolean> {
  switch (audience) {
    case 'all':
      return sql<boolean>`true`
    case 'owners':
      return sql<boolean>`exists (select from project_owner o where o.user_id = u.id)`
    case 'contributors':
      return sql<boolean>`exists (select from contributor c join contributor_project cp on cp.contributor_id = c.id
                                   where c.user_id = u.id and cp.project_id = ${projectId} and cp.n_runs > 0)`
  }
}

export async function countRecipients(
  db: Db,
  newsletter: Pick<Newsletter, 'audience' | 'projectId'>,
): Promise<number> {
  const { n } = await recipients(db, newsletter)
    .select((select) => select.fn.countAll<number>().as('n'))
    .executeTakeFirstOrThrow()
  return n
}

/** Its next recipients, by id. */
export async function listRecipients(
  db: Db,
  newsletter: Newsletter,
  limit: number,
): Promise<{ id: number; email: string }[]> {
  return recipients(db, newsletter)
    .select(['u.id', 'u.email'])
    .where('u.id', '>', newsletter.lastUserId)
    .orderBy('u.id')
    .limit(limit)
    .execute()
}

/** What became of its mails: those that left, and those that will not. */
export async function countDelivered(
  db: Db,
  { id, started }: Newsletter,
): Promise<{ sent: number; notSent: number }> {
  return db
    .selectFrom('mail')
    .select([
      sql<number>`count(*) filter (where sent is not null and error is null)`.as('sent'),
      sql<number>`count(*) filter (where error is not null)`.as('notSent'),
    ])
    .where('kind', '=', 'newsletter')
    .where('created', '>=', started)
    .where(sql<boolean>`starts_with(once, ${`newsletter-${id}-`})`)
    .executeTakeFirstOrThrow()
}
