import { sql } from 'kysely'
import type { Db } from '../../platform/postgres.ts'

/** Somebody who wants a word when they are away, and is. */
export interface Absent {
  id: number
  email: string
  /** Whether they ever did. */
  hasContributed: boolean
}

/**
 * People who asked for invitations and whose last task run, or else their account, is three to twelve months old; after one
 * of them, by id. Of each the newest task run is read, by an index.
 */
export async function listAbsent(db: Db, afterId: number, limit: number): Promise<Absent[]> {
  const { rows } = await sql<Absent>`
    select u.id, u.email, last.finish_time is not null as "hasContributed"
      from mail_choice m join user_account u on u.id = m.user_id
      left join contributor c on c.user_id = u.id
      left join lateral (select finish_time from task_run r where r.contributor_id = c.id
                          order by r.id desc limit 1) last on true
     where m.kind = 'invitation' and m.wanted and u.id > ${afterId}
       and u.deleted is null and u.deletion_due is null
       and coalesce(last.finish_time, u.created) between now() - interval '12 months' and now() - interval '3 months'
     order by u.id limit ${limit}`.execute(db)
  return rows
}
