import { sql } from 'kysely'
import { noteChanged } from '../../platform/changes.ts'
import type { Db, Tx } from '../../platform/postgres.ts'

/** The graphs of any project, and those of the site: what remembered values are made of. */
export const ACTIVITY = 'activity'

/** Days for which it is kept who did how much. */
const ACTIVITY_DAYS = 32

/** The first hour of a project's activity that may still change, and all of it for one never counted. */
const CHANGING = sql`coalesce((select date_trunc('hour', counted_until - interval '15 minutes')
                                 from project_counted where project_id = p.id), '-infinity')`

/**
 * Projects whose activity is not counted yet, or may still change: a task run may be taken back for ten minutes, and a
 * slow transaction may show one late.
 */
export async function listUncounted(db: Db): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select p.id from project p join project_total t on t.project_id = p.id
     where t.last_activity >= ${CHANGING} order by p.id`.execute(db)
  return rows.map(({ id }) => id)
}

/**
 * Counts a project's activity of the hours that may still change anew. Reads the task runs of these hours and no other:
 * what was counted before is final. Of very many that were never counted it takes the first hours.
 *
 * @param runs how many task runs are about enough for one transaction; never less than an hour's.
 * @returns whether hours are left for a further call.
 */
export async function countActivity(tx: Tx, projectId: number, runs: number): Promise<boolean> {
  const { rows } = await sql<{ since: string; end: string | null; until: string }>`
    select c.since::text, e.hour::text as end, coalesce(e.hour + interval '15 minutes', now())::text as until
      from project p cross join lateral (select ${CHANGING} as since) c
      left join lateral (
        select date_trunc('hour', r.finish_time) + interval '1 hour' as hour
          from task_run r where r.project_id = p.id and r.finish_time >= c.since
         order by r.finish_time offset ${runs} limit 1) e
        on e.hour + interval '15 minutes' <= now()
     where p.id = ${projectId} for update of p`.execute(tx)
  const [row] = rows
  // Deleted at this moment.
  if (!row) return false
  const { since, until } = row
  const end = row.end ?? 'infinity'
  await sql`
    delete from activity
     where project_id = ${projectId} and hour >= ${since}::timestamptz and hour < ${end}::timestamptz`.execute(
    tx,
  )
  await sql`
    insert into activity (project_id, hour, contributor_id, n_runs)
    select ${projectId}, date_trunc('hour', finish_time), contributor_id, count(*)
      from task_run
     where project_id = ${projectId} and finish_time >= ${since}::timestamptz
       and finish_time < ${end}::timestamptz and withdrawn is null
     group by 2, 3`.execute(tx)
  await sql`
    insert into project_hour as h (project_id, hour, n_anonymous, n_authenticated)
    select project_id, hour, sum(n_anonymous), sum(n_authenticated)
      from (select project_id, hour, 0 as n_anonymous, 0 as n_authenticated from project_hour
             where project_id = ${projectId} and hour >= ${since}::timestamptz and hour < ${end}::timestamptz
            union all
            select a.project_id, a.hour, case when c.kind = 'user' then 0 else a.n_runs end,
                   case when c.kind = 'user' then a.n_runs else 0 end
              from activity a join contributor c on c.id = a.contributor_id
             where a.project_id = ${projectId} and a.hour >= ${since}::timestamptz
               and a.hour < ${end}::timestamptz) counted
     group by project_id, hour order by hour
    on conflict (project_id, hour) do update
      set n_anonymous = excluded.n_anonymous, n_authenticated = excluded.n_authenticated`.execute(tx)
  await sql`
    insert into project_counted (project_id, counted_until) values (${projectId}, ${until}::timestamptz)
    on conflict (project_id) do update set counted_until = excluded.counted_until`.execute(tx)
  noteChanged(tx, ACTIVITY)
  return row.end !== null
}

/** Forgets who did how much longer ago than anybody asks for. */
export async function forgetOldActivity(db: Db): Promise<void> {
  await sql`delete from activity where hour < now() - make_interval(days => ${ACTIVITY_DAYS})`.execute(db)
}
