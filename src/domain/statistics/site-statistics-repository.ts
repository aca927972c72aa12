import { sql } from 'kysely'
import type { Db } from '../../platform/postgres.ts'

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
