import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'

/** Any number that no other advisory lock of this database uses. */
const FOLD_LOCK = 7_263_002

/** How many changes were folded, and the short names of the projects whose totals they moved. */
export interface Folded {
  changes: number
  shortNames: string[]
}

/**
 * Moves at most `batch` of the changes that were appended into the totals, unless another worker is at it.
 * One statement, hence one transaction: each change is counted once, whatever order the appending ones commit in.
 */
export async function foldDeltas(primary: Db, batch: number): Promise<Folded> {
  const { rows } = await sql<Folded>`
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
            last_activity = greatest(t.last_activity, excluded.last_activity)),
    by_hour as (
      insert into project_hour as h (project_id, hour, n_completed_tasks)
      select project_id, date_trunc('hour', created), sum(n_completed_tasks)
        from gone where n_completed_tasks <> 0 and exists (select from project p where p.id = project_id)
       group by 1, 2 order by 1, 2
      on conflict (project_id, hour) do update
        set n_completed_tasks = h.n_completed_tasks + excluded.n_completed_tasks)
    select (select count(*) from gone)::int as changes,
           array(select p.short_name from summed s join project p on p.id = s.project_id) as "shortNames"
    `.execute(primary)
  return rows[0] ?? { changes: 0, shortNames: [] }
}

/** A figure of a project's totals that is not what the rows say. */
export interface TotalDifference {
  total: string
  kept: number
  actual: number
}

/** What the totals of a project have to be, by its scheduling rows and its contributors' counters. */
const actualTotals = (projectId: number) => sql`
  select count(*) filter (where not calibrates) as n_tasks,
         count(*) filter (where calibrates) as n_calibration_tasks,
         coalesce(sum(n_answers) filter (where not calibrates), 0) as n_wanted,
         count(*) filter (where done_by is not null) as n_completed_tasks,
         coalesce(sum(n_runs) filter (where not calibrates), 0) as n_task_runs,
         coalesce(sum(n_extra) filter (where not calibrates), 0) as n_extra,
         (select count(*) from contributor_project where project_id = ${projectId} and n_runs > 0) as n_contributors
    from task_sched where project_id = ${projectId}`

/** Holds a project's totals, with what no worker has folded yet, against its rows at the same moment. */
export async function compareTotals(db: Db, projectId: number): Promise<TotalDifference[]> {
  const { rows } = await sql<TotalDifference>`
    with actual as (${actualTotals(projectId)}),
    parts as (
      select n_tasks, n_calibration_tasks, n_wanted, n_completed_tasks, n_task_runs, n_extra, n_contributors
        from project_total where project_id = ${projectId}
      union all
      select n_tasks, n_calibration_tasks, n_wanted, n_completed_tasks, n_task_runs, n_extra, n_contributors
        from project_delta where project_id = ${projectId}),
    kept as (
      select coalesce(sum(n_tasks), 0) as n_tasks, coalesce(sum(n_calibration_tasks), 0) as n_calibration_tasks,
             coalesce(sum(n_wanted), 0) as n_wanted, coalesce(sum(n_completed_tasks), 0) as n_completed_tasks,
             coalesce(sum(n_task_runs), 0) as n_task_runs, coalesce(sum(n_extra), 0) as n_extra,
             coalesce(sum(n_contributors), 0) as n_contributors from parts)
    select x.total, x.kept::bigint as kept, x.actual::bigint as actual
      from kept k, actual a, lateral (values
        ('n_tasks', k.n_tasks, a.n_tasks), ('n_calibration_tasks', k.n_calibration_tasks, a.n_calibration_tasks),
        ('n_wanted', k.n_wanted, a.n_wanted), ('n_completed_tasks', k.n_completed_tasks, a.n_completed_tasks),
        ('n_task_runs', k.n_task_runs, a.n_task_runs), ('n_extra', k.n_extra, a.n_extra),
        ('n_contributors', k.n_contributors, a.n_contributors)) as x (total, kept, actual)
     where x.kept <> x.actual`.execute(db)
  return rows
}

/** Keeps every worker from folding, and the project from being published or deleted, to the end of the transaction. */
export async function lockTotals(tx: Tx, projectId: number): Promise<void> {
  await sql`select pg_advisory_xact_lock(${FOLD_LOCK})`.execute(tx)
  await sql`select from project where id = ${projectId} for no key update`.execute(tx)
}

/**
 * Writes a project's locked totals anew from its rows. The changes that are in these rows go in the same statement; one
 * that is committed later is in neither, and is folded as ever.
 */
export async function rewriteTotals(tx: Tx, projectId: number): Promise<void> {
  await sql`
    with gone as (
      delete from project_delta where project_id = ${projectId} returning created, n_task_runs, n_extra),
    activity as (
      select greatest(
        (select max(created) from gone where n_task_runs + n_extra > 0),
        (select finish_time from task_run where project_id = ${projectId} order by id desc limit 1)) as last)
    insert into project_total as t
      (project_id, n_tasks, n_calibration_tasks, n_wanted, n_completed_tasks, n_task_runs, n_extra, n_contributors,
       last_activity)
    select p.id, a.*, activity.last from project p, (${actualTotals(projectId)}) a, activity where p.id = ${projectId}
    on conflict (project_id) do update
      set n_tasks = excluded.n_tasks, n_calibration_tasks = excluded.n_calibration_tasks,
          n_wanted = excluded.n_wanted, n_completed_tasks = excluded.n_completed_tasks,
          n_task_runs = excluded.n_task_runs, n_extra = excluded.n_extra, n_contributors = excluded.n_contributors,
          last_activity = greatest(t.last_activity, excluded.last_activity)`.execute(tx)
}
