import { sql } from 'kysely'
import type { Tx } from '../../platform/postgres.ts'

/** Any number that no other advisory lock of this database uses. */
const FOLD_LOCK = 7_263_002

/** Whether this transaction may fold: one worker at a time does. */
export async function mayFold(tx: Tx): Promise<boolean> {
  const { rows } = await sql<{
    free: boolean
  }>`select pg_try_advisory_xact_lock(${FOLD_LOCK}) as free`.execute(tx)
  return rows[0]?.free === true
}

/**
 * Moves what was appended since the last time into the totals; how many rows that were. Deleting and adding in one
 * statement counts each row once, whatever order the appending transactions commit in.
 */
export async function foldDeltas(tx: Tx): Promise<number> {
  const { rows } = await sql<{ folded: number }>`
    with gone as (delete from project_delta returning *),
    summed as (
      select project_id, sum(n_tasks) as n_tasks, sum(n_completed_tasks) as n_completed_tasks,
             sum(n_task_runs) as n_task_runs, sum(n_extra) as n_extra, sum(n_contributors) as n_contributors,
             max(created) filter (where n_task_runs + n_extra > 0) as last_activity
        from gone group by project_id),
    folded as (
      insert into project_total as t (project_id, n_tasks, n_completed_tasks, n_task_runs, n_extra, n_contributors, last_activity)
      select s.* from summed s where exists (select from project p where p.id = s.project_id)
      on conflict (project_id) do update
        set n_tasks = t.n_tasks + excluded.n_tasks,
            n_completed_tasks = t.n_completed_tasks + excluded.n_completed_tasks,
            n_task_runs = t.n_task_runs + excluded.n_task_runs,
            n_extra = t.n_extra + excluded.n_extra,
            n_contributors = t.n_contributors + excluded.n_contributors,
            last_activity = greatest(t.last_activity, excluded.last_activity)
      returning 1)
    select (select count(*) from gone)::int as folded from (select count(*) from folded) f`.execute(tx)
  return rows[0]?.folded ?? 0
}
