import { sql } from 'kysely'
import type { Db } from '../../platform/postgres.ts'
import { TIMED_RUNS } from './project-statistics-repository.ts'

/** Days that graphs show, today among them. */
export const GRAPH_DAYS = 14

const FIRST_DAY = sql`date_trunc('day', now()) - make_interval(days => ${GRAPH_DAYS - 1})`
const EVERY_DAY = sql`generate_series(${FIRST_DAY}, now(), interval '1 day')`

/** What people without and with an account did on a day. */
export interface DayCount {
  /** ISO date, in UTC. */
  day: string
  anonymous: number
  authenticated: number
}

/** The same for a project, with how many of its tasks were completed on that day. */
export interface ProjectDay extends DayCount {
  completed: number
}

export async function listProjectDays(db: Db, projectId: number): Promise<ProjectDay[]> {
  const { rows } = await sql<ProjectDay>`
    select d::date::text as day, coalesce(sum(n_anonymous), 0)::int as anonymous,
           coalesce(sum(n_authenticated), 0)::int as authenticated,
           coalesce(sum(n_completed_tasks), 0)::int as completed
      from ${EVERY_DAY} d
      left join project_hour h
        on h.project_id = ${projectId} and h.hour >= d and h.hour < d + interval '1 day'
     group by d order by d`.execute(db)
  return rows
}

/** The same for all published projects. */
export async function listSiteDays(db: Db): Promise<DayCount[]> {
  const { rows } = await sql<DayCount>`
    select d::date::text as day, coalesce(sum(n_anonymous), 0)::int as anonymous,
           coalesce(sum(n_authenticated), 0)::int as authenticated
      from ${EVERY_DAY} d
      left join (select hour, n_anonymous, n_authenticated from project_hour
                  where hour >= ${FIRST_DAY} and project_id in (select id from project where published)) h
        on h.hour >= d and h.hour < d + interval '1 day'
     group by d order by d`.execute(db)
  return rows
}

/** How many people took part on each day. */
export async function listContributorDays(db: Db, projectId: number): Promise<DayCount[]> {
  const { rows } = await sql<DayCount>`
    select d::date::text as day,
           count(*) filter (where c.kind <> 'user')::int as anonymous,
           count(*) filter (where c.kind = 'user')::int as authenticated
      from ${EVERY_DAY} d
      left join (select distinct date_trunc('day', hour) as day, contributor_id from activity
                  where project_id = ${projectId} and hour >= ${FIRST_DAY}) a on a.day = d
      -- One after the other: the planner would read all contributors of the site.
      left join lateral (select kind from contributor where id = a.contributor_id offset 0) c on true
     group by d order by d`.execute(db)
  return rows
}

/** Answers by the hour of the day, in UTC, over the days that graphs show. */
export async function listHoursOfDay(db: Db, projectId: number): Promise<DayCount[]> {
  const { rows } = await sql<DayCount>`
    select to_char(h, 'FM00') as day, coalesce(sum(n_anonymous), 0)::int as anonymous,
           coalesce(sum(n_authenticated), 0)::int as authenticated
      from generate_series(0, 23) h
      left join project_hour p
        on p.project_id = ${projectId} and p.hour >= ${FIRST_DAY} and extract(hour from p.hour) = h
     group by h order by h`.execute(db)
  return rows
}

export interface TopContributor {
  name: string
  nRuns: number
}

/**
 * Who gave most answers within the days that graphs show. People without an account are known by a made-up address,
 * those of other sites by nothing: their names are theirs and the owner's business.
 */
export async function listTopContributors(
  db: Db,
  projectId: number,
  who: 'authenticated' | 'anonymous',
  limit: number,
): Promise<TopContributor[]> {
  // One after the other until there are enough: those who gave few answers are many, and need not be looked up.
  const { rows } = await sql<TopContributor>`
    select coalesce(case when u.privacy_mode then u.name else u.full_name end, c.made_up_ip, '–') as name,
           a.n_runs as "nRuns"
      from (select contributor_id, sum(n_runs)::int as n_runs from activity
             where project_id = ${projectId} and hour >= ${FIRST_DAY}
             group by contributor_id order by 2 desc, 1) a
      cross join lateral (select * from contributor where id = a.contributor_id offset 0) c
      left join user_account u on u.id = c.user_id
     where (c.kind = 'user') = ${who === 'authenticated'}
     order by a.n_runs desc, a.contributor_id limit ${limit}`.execute(db)
  return rows
}

export interface ProjectFigures {
  /** Until when answers are counted; null when none are. */
  countedUntil: string | null
  /** Seconds from request to answer, of the newest task runs. */
  averageSeconds: number
}

export async function findProjectFigures(db: Db, projectId: number): Promise<ProjectFigures> {
  const { rows } = await sql<ProjectFigures>`
    select (select counted_until from project_counted where project_id = ${projectId}) as "countedUntil",
           coalesce((select avg(extract(epoch from r.finish_time - r.created))
                       from (select finish_time, created from task_run where project_id = ${projectId}
                              order by id desc limit ${TIMED_RUNS}) r), 0)::double precision as "averageSeconds"
    `.execute(db)
  return rows[0] ?? { countedUntil: null, averageSeconds: 0 }
}
