import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'

export interface AccountExport {
  id: number
  userId: number
  state: 'waiting' | 'done' | 'failed'
  fileKey: string | null
  bytes: number | null
  created: string
  expires: string | null
}

function exports(db: Db) {
  return db
    .selectFrom('account_export')
    .select([
      'id',
      'user_id as userId',
      sql<AccountExport['state']>`state`.as('state'),
      'file_key as fileKey',
      'bytes',
      'created',
      'expires',
    ])
}

/** A person's exports, newest first. */
export async function listAccountExports(db: Db, userId: number): Promise<AccountExport[]> {
  return exports(db).where('user_id', '=', userId).orderBy('id', 'desc').limit(10).execute()
}

export async function findAccountExport(db: Db, id: number): Promise<AccountExport | undefined> {
  return exports(db).where('id', '=', id).executeTakeFirst()
}

/** Makes one, unless one waits: then nothing. */
export async function insertAccountExport(tx: Tx, userId: number): Promise<number | undefined> {
  const { rows } = await sql<{ id: number }>`
    insert into account_export (user_id)
    select ${userId}::bigint
     where not exists (select from account_export where user_id = ${userId} and state = 'waiting')
    returning id`.execute(tx)
  return rows[0]?.id
}

/** Notes the file; false when nobody is to have it any more, since the account was deleted meanwhile. */
export async function markAccountExported(
  tx: Tx,
  id: number,
  file: { key: string; bytes: number; days: number },
): Promise<boolean> {
  const noted = await tx
    .updateTable('account_export')
    .set({
      state: 'done',
      file_key: file.key,
      bytes: file.bytes,
      finished: sql`now()`,
      expires: sql`coalesce(expires, now() + make_interval(days => ${file.days}))`,
    })
    .where('id', '=', id)
    .returning(sql<boolean>`expires > now()`.as('isKept'))
    .executeTakeFirst()
  return noted?.isKept === true
}

export async function markAccountExportAs(tx: Tx, id: number, state: 'waiting' | 'failed'): Promise<void> {
  await tx.updateTable('account_export').set({ state }).where('id', '=', id).execute()
}

/** Exports whose files are to go. */
export async function listExpiredFiles(
  db: Db,
  afterId: number,
  limit: number,
): Promise<{ id: number; fileKey: string }[]> {
  return db
    .selectFrom('account_export')
    .select(['id', sql<string>`file_key`.as('fileKey')])
    .where('file_key', 'is not', null)
    .where('id', '>', afterId)
    .where('expires', '<=', sql<string>`now()`)
    .orderBy('id')
    .limit(limit)
    .execute()
}

export async function deleteAccountExport(db: Db, id: number): Promise<void> {
  await db.deleteFrom('account_export').where('id', '=', id).execute()
}

/** All that an account says of its person, as JSON text. */
export async function findPersonalData(db: Db, userId: number): Promise<string> {
  const { rows } = await sql<{ data: string }>`
    select jsonb_pretty(jsonb_build_object(
      'account', (select to_jsonb(u) - 'password_hash' from user_account u where id = ${userId}),
      'api_keys', (select coalesce(jsonb_agg(to_jsonb(k) - 'key_hash' order by id), '[]') from api_key k where user_id = ${userId}),
      'sessions', (select coalesce(jsonb_agg(to_jsonb(s) - 'id' order by created), '[]') from session s where user_id = ${userId}),
      'mail_choices', (select coalesce(jsonb_agg(to_jsonb(c) - 'user_id'), '[]') from mail_choice c where user_id = ${userId}),
      'mails', (select coalesce(jsonb_agg(jsonb_build_object('subject', subject, 'text', case when kind is not null then text_body end, 'created', created, 'sent', sent) order by id), '[]')
                  from mail where lower(recipient) = (select lower(email) from user_account where id = ${userId})),
      'favourite_tasks', (select coalesce(jsonb_agg(id order by id), '[]') from task
                           where fav_user_ids is not null and fav_user_ids @> array[${userId}]::bigint[])
    )) as data`.execute(db)
  return rows[0]?.data ?? '{}'
}

/** The projects that a person owns and what they wrote for them, as JSON text. Secrets of projects are no personal data. */
export async function findProjectData(db: Db, userId: number): Promise<string> {
  const { rows } = await sql<{ data: string }>`
    select jsonb_pretty(jsonb_build_object(
      'projects', (select coalesce(jsonb_agg(to_jsonb(p) - 'secret_key_sealed' order by id), '[]') from project p
                    where id in (select project_id from project_owner where user_id = ${userId})),
      'blogposts', (select coalesce(jsonb_agg(to_jsonb(b) order by id), '[]') from blogpost b where user_id = ${userId}),
      'announcements', (select coalesce(jsonb_agg(to_jsonb(a) order by id), '[]') from announcement a where user_id = ${userId}),
      'presenter_drafts', (select coalesce(jsonb_agg(to_jsonb(d) order by id), '[]') from presenter_draft d where user_id = ${userId})
    )) as data`.execute(db)
  return rows[0]?.data ?? '{}'
}

/** A person's task runs after one of them, each as JSON text. */
export async function listOwnTaskRuns(
  db: Db,
  userId: number,
  page: { afterId: number; limit: number },
): Promise<{ id: number; data: string }[]> {
  const { rows } = await sql<{ id: number; data: string }>`
    select r.id, (jsonb_build_object('id', r.id, 'project_id', r.project_id, 'task_id', r.task_id, 'created', r.created,
             'finish_time', r.finish_time, 'info', r.info, 'media_url', r.media_url, 'withdrawn', r.withdrawn))::text as data
      from task_run r join contributor c on c.id = r.contributor_id
     where c.user_id = ${userId} and r.id > ${page.afterId} order by r.id limit ${page.limit}`.execute(db)
  return rows
}
