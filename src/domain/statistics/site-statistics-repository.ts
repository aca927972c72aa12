import { sql } from 'kysely'
import { noteChanged } from '../../platform/changes.ts'
import type { Db, Tx } from '../../platform/postgres.ts'

/** What remembered statistics of the site are made of. */
export const SITE_DAYS = 'site-days'

/** What a whole site has. */
export interface SiteStatistics {
  nProjects: number
  /** People with an account, and those without one who answered. */
  nUsers: number
  /** Task runs wanted, and given. */
  nWanted: number
  nTaskRuns: number
  /** Results that an analysis has filled. */
  nResults: number
  nFeatured: number
  nDrafts: number
  /** Published projects by the short name of their category. */
  categories: { shortName: string; n: number }[]
}

export async function countSite(db: Db): Promise<SiteStatistics> {
  const { rows } = await sql<Omit<SiteStatistics, 'categories'>>`
    select (select count(*) from project where published) as "nProjects",
           (select count(*) from user_account)
             + (select count(*) from contributor where kind in ('device', 'address')) as "nUsers",
           coalesce(sum(n_wanted), 0)::bigint as "nWanted", coalesce(sum(n_task_runs), 0)::bigint as "nTaskRuns",
           (select count(*) from result where info is not null) as "nResults",
           (select count(*) from project where featured and published) as "nFeatured",
           (select count(*) from project where not published) as "nDrafts"
      from (select n_wanted, n_task_runs from project_total
            union all select n_wanted, n_task_runs from project_delta) totals`.execute(db)
  const { rows: categories } = await sql<SiteStatistics['categories'][number]>`
    select c.short_name as "shortName", count(p.id) as n
      from category c left join project p on p.category_id = c.id and p.published
     group by c.id order by c.id`.execute(db)
  const [row] = rows
  if (!row) throw new Error('A count gave no row')
  return { ...row, categories }
}

/** What the whole site had on a day. */
export interface SiteDay {
  /** ISO date, in UTC. */
  day: string
  authenticated: number
  anonymous: number
  published: number
  drafts: number
  wanted: number
  taskRuns: number
}

/** Notes what the site has, as today's; counted from accounts, contributors and totals, not from task runs. */
export async function noteSiteDay(tx: Tx): Promise<void> {
  await sql`
    insert into site_day (day, n_authenticated, n_anonymous, n_published, n_drafts, n_wanted, n_task_runs)
    select now()::date, (select count(*) from user_account),
           (select count(*) from contributor where kind <> 'user'),
           (select count(*) from project where published), (select count(*) from project where not published),
           coalesce(sum(n_wanted), 0), coalesce(sum(n_task_runs), 0)
      from project_total
    on conflict (day) do update
      set n_authenticated = excluded.n_authenticated, n_anonymous = excluded.n_anonymous,
          n_published = excluded.n_published, n_drafts = excluded.n_drafts, n_wanted = excluded.n_wanted,
          n_task_runs = excluded.n_task_runs`.execute(tx)
  noteChanged(tx, SITE_DAYS)
}

/** The last days of the site, oldest first; days on which nothing was noted are left out. */
export async function listNotedDays(db: Db, limit: number): Promise<SiteDay[]> {
  const { rows } = await sql<SiteDay>`
    select * from (
      select day::text as day, n_authenticated as authenticated, n_anonymous as anonymous,
             n_published as published, n_drafts as drafts, n_wanted as wanted, n_task_runs as "taskRuns"
        from site_day order by site_day.day desc limit ${limit}) latest
     order by day`.execute(db)
  return rows
}

export interface BusyProject {
  name: string
  shortName: string
  nRuns: number
}

/** The published projects that got most answers in the last 24 hours. */
export async function listBusyProjects(db: Db, limit: number): Promise<BusyProject[]> {
  const { rows } = await sql<BusyProject>`
    select p.name, p.short_name as "shortName", sum(h.n_anonymous + h.n_authenticated)::int as "nRuns"
      from project_hour h join project p on p.id = h.project_id
     where h.hour >= now() - interval '24 hours' and p.published
     group by p.id having sum(h.n_anonymous + h.n_authenticated) > 0
     order by 3 desc, p.id limit ${limit}`.execute(db)
  return rows
}
