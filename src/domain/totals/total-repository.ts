import { sql } from 'kysely'
import type { Db } from '../../platform/postgres.ts'

/** Any number that no other advisory lock of this database uses. */
const FOLD_LOCK = 7_263_002

/**
 * Moves at most `batch` of the changes that were appended into the totals, unless another worker is at it; how many.
 * One statement, hence one transaction: each change is counted once, whatever order the appending ones commit in.
 */
export async function foldDeltas(primary: Db, batch: number): Promise<number> {
  const { rows } = await sql<{ folded: number }>`
    with turn as materialized (select pg_try_advisory_xact_lock(${FOLD_LOCK}) as mine),
    gone as (
      delete from project_delta where id in (
        select d.id from project_delta d, turn where turn.mine order by d.id limit ${batch})
      returning *),
    summed as (
      select project_id, sum(n_tasks) as n_tasks, sum(n_calibration_tasks) as n_calibration_tasks, sum(n_wanted) as n_wanted, sum(n_completed_tasks) as n_completed_tasks,
             sum(n_task_runs) as n_task_runs, sum(n_extra) as n_extra, sum(n_contributors) as n_contributors,
             max(created) filter (where n_task_runs + n_extra > 0) as last_activity
        from gone group by project_id order by project_id),
    folded as (
      insert into project_total as t
        (project_id, n_tasks, n_calibration_tasks, n_wanted, n_completed_tasks, n_task_runs, n_extra, n_contributors,
         last_activity)
      select s.* from summed s where exists (select from project p where p.id = s.project_id)
      on conflict (project_id) do update
        set n_tasks = t.n_tasks + excluded.n_tasks,
            n_calibration_tasks = t.n_calibration_tasks + excluded.n_calibration_tasks,
            n_wanted = t.n_wanted + excluded.n_wanted,
            n_completed_tasks = t.n_completed_tasks + excluded.n_completed_tasks,
            n_task_runs = t.n_task_runs + excluded.n_task_runs,
            n_extra = t.n_extra + excluded.n_extra,
            n_contributors = t.n_contributors + excluded.n_contributors,
            last_activity = greatest(t.last_activity, excluded.last_activity))
    select count(*)::int as folded from gone`.execute(primary)
  return rows[0]?.folded ?? 0
}
