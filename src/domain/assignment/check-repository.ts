import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'

/** What can be wrong about a task; where there is one, the name of the column that disagrees with the rows. */
export type TaskProblem =
  | 'no-sched'
  | 'copied'
  | 'n_runs'
  | 'n_extra'
  | 'n_taken'
  | 'surplus'
  | 'open'
  | 'done_by'
  | 'ord'
  | 'state'
  | 'result'
  | 'event'

export interface WrongTask {
  id: number
  problems: TaskProblem[]
}

/** Some of a project's tasks or contributors: the next ones in id order, or those with these ids. */
export type Part = { after: number; limit: number } | { ids: readonly number[] }

export interface TaskFindings {
  nTasks: number
  /** The last task looked at; null when there was none. */
  last: number | null
  wrong: WrongTask[]
  /** Finished tasks without the row of their completion event at hand: `withoutEvent` knows more. */
  eventless: number[]
}

/** The projects of the site, or the one with this id or short name. */
export async function listProjectsToCheck(
  db: Db,
  only: string | undefined,
): Promise<{ id: number; shortName: string }[]> {
  // An id goes before a short name that is made of digits.
  const { rows } = await sql<{ id: number; shortName: string }>`
    select id, short_name as "shortName" from project
     where ${only ?? null}::text is null or id::text = ${only ?? null}
        or (short_name = ${only ?? null} and not exists (select from project p where p.id::text = ${only ?? null}))
     order by id`.execute(db)
  return rows
}

/**
 * Holds tasks against their runs, leases and results: one statement, hence one moment, which no transaction of the
 * running site divides.
 *
 * @param eventDays so young a result's completion event must still be in the outbox.
 */
export async function inspectTasks(
  db: Db,
  projectId: number,
  part: Part,
  eventDays: number,
): Promise<TaskFindings> {
  const { rows } = await sql<TaskFindings>`
    with scheduler as (select order_kind_v1(scheduler) as kind from project where id = ${projectId}),
    -- After a change of the scheduler a job brings the keys into order.
    reordering as materialized (
      select exists (select from outbox where job = 'reorder-tasks' and done is null and failed is null
                        and (payload ->> 'projectId')::bigint = ${projectId}) as is_under_way),
    batch as materialized (
      select id, n_answers, (-priority_0)::real as nprio, calibration <> 0 as calibrates, state = 'completed' as closed
        from task where project_id = ${projectId} and ${within(sql`id`, part)}),
    facts as (
      select t.*, case when t.calibrates then 0 else t.n_answers end as wanted, r.runs, r.extra, r.ids, l.held,
             not t.calibrates and r.runs >= t.n_answers as complete,
             x.id as result, x.task_run_ids as listed, x.event_id as event, x.created as finished
        from batch t
        cross join lateral (
          select (count(*) filter (where counted))::int as runs, (count(*) filter (where not counted))::int as extra,
                 coalesce(array_agg(id order by id) filter (where counted), '{}') as ids
            from task_run where task_id = t.id and withdrawn is null) r
        cross join lateral (select count(*)::int as held from lease where task_id = t.id and holds_place) l
        left join result x on x.task_id = t.id and x.last_version),
    found as (
      select f.id,
             case when s.task_id is null then array['no-sched'] else array_remove(array[
               case when (s.n_answers, s.nprio, s.calibrates) <> (f.n_answers, f.nprio, f.calibrates) then 'copied' end,
               case when s.n_runs <> f.runs then 'n_runs' end,
               case when s.n_extra <> f.extra then 'n_extra' end,
               case when s.n_taken <> f.runs + f.held then 'n_taken' end,
               case when f.runs + f.held > f.wanted then 'surplus' end,
               case when s.open <> (f.runs + f.held < f.wanted) then 'open' end,
               case when (s.done_by is not null) <> f.complete
                      or s.done_by is not null and not s.done_by = any (f.ids) then 'done_by' end,
               case when s.ord <> order_key_v1(s.sched, f.id, f.runs + f.held)
                      or s.sched <> (select kind from scheduler) and not (select is_under_way from reordering)
                    then 'ord' end,
               case when f.closed <> f.complete then 'state' end,
               case when f.listed is distinct from case when f.complete then f.ids end then 'result' end
             ], null) end as problems,
             f.complete and f.finished > now() - make_interval(days => ${eventDays})
               and not exists (select from outbox o where o.id = f.event) as eventless
        from facts f left join task_sched s on s.task_id = f.id and s.project_id = ${projectId})
    select (select count(*) from batch) as "nTasks", (select max(id) from batch) as last,
           (select coalesce(json_agg(json_build_object('id', id, 'problems', problems) order by id), '[]')
              from found where problems <> '{}') as wrong,
           (select coalesce(array_agg(id order by id), '{}') from found where eventless) as eventless`.execute(
    db,
  )
  const [row] = rows
  if (!row) throw new Error('Looking at tasks gave no row')
  return row
}

function within(id: RawBuilder<unknown>, part: Part): RawBuilder<unknown> {
  return 'ids' in part
    ? sql`${id} = any (${[...part.ids]}::bigint[])`
    : sql`${id} > ${part.after} order by ${id} limit ${part.limit}`
}

/**
 * Those of some finished tasks that have had no completion event. A task that was finished before `eventDays` as well
 * may have had one that is forgotten by now, and is left out.
 */
export async function withoutEvent(
  db: Db,
  projectId: number,
  taskIds: readonly number[],
  eventDays: number,
): Promise<number[]> {
  if (taskIds.length === 0) return []
  const { rows } = await sql<{ id: number }>`
    with told as materialized (
      select (payload ->> 'taskId')::bigint as id from outbox where job = 'note-task-completed'),
    long_finished as materialized (
      select task_id as id from result
       where project_id = ${projectId} and task_id = any (${[...taskIds]}::bigint[])
         and created <= now() - make_interval(days => ${eventDays}))
    select id from unnest(${[...taskIds]}::bigint[]) as x (id)
    except (select id from told union all select id from long_finished)
     order by id`.execute(db)
  return rows.map(({ id }) => id)
}

/** Gives tasks their missing scheduling rows, to be reconciled in the same transaction. */
export async function insertMissingSched(
  tx: Tx,
  projectId: number,
  taskIds: readonly number[],
): Promise<void> {
  await sql`
    with locked as materialized (
      select id, project_id, priority_0, n_answers, calibration <> 0 as calibrates from task
       where project_id = ${projectId} and id = any (${[...taskIds]}::bigint[]) order by id for update)
    insert into task_sched (task_id, project_id, nprio, n_answers, sched, ord, calibrates, open)
    select t.id, t.project_id, -t.priority_0, t.n_answers, k.kind, order_key_v1(k.kind, t.id, 0), t.calibrates,
           not t.calibrates
      from locked t, (select order_kind_v1(scheduler) as kind from project where id = ${projectId}) k
    on conflict (task_id) do update set project_id = excluded.project_id`.execute(tx)
}

/** Tables whose rows belong to a task. */
export const TASK_PARTS = ['task_sched', 'lease', 'result'] as const
export type TaskPart = (typeof TASK_PARTS)[number]

/** Rows whose task is gone; an older version of a result is history, and may outlive its task. */
const strayRows = (table: TaskPart, projectId: number) => sql`
  from ${sql.table(table)} x
 where x.project_id = ${projectId} ${table === 'result' ? sql`and x.last_version` : sql``}
   and not exists (select from task t where t.id = x.task_id and t.project_id = x.project_id)`

/** How many rows of a table there are whose task is gone, and the first few of these tasks. */
export async function countStrays(
  db: Db,
  projectId: number,
  table: TaskPart,
): Promise<{ count: number; firstIds: number[] }> {
  const { rows } = await sql<{ count: number; firstIds: number[] }>`
    with stray as materialized (select x.task_id ${strayRows(table, projectId)})
    select (select count(*) from stray) as count,
           array(select distinct task_id from stray order by task_id limit 5) as "firstIds"`.execute(db)
  return rows[0] ?? { count: 0, firstIds: [] }
}

/** Removes such rows of at most `batch` tasks, and retires such results; how many rows. */
export async function removeStrays(
  tx: Tx,
  projectId: number,
  table: TaskPart,
  batch: number,
): Promise<number> {
  const those = sql`
    where project_id = ${projectId}
      and task_id in (select distinct x.task_id ${strayRows(table, projectId)} order by x.task_id limit ${batch})`
  const { numAffectedRows } =
    table === 'result'
      ? await sql`update result set last_version = false ${those} and last_version`.execute(tx)
      : await sql`delete from ${sql.table(table)} ${those}`.execute(tx)
  return Number(numAffectedRows ?? 0)
}

export interface RunFindings {
  /** The last task run looked at; null when there was none. */
  last: number | null
  /** Task runs whose task is gone. */
  strayIds: number[]
  /** Contributors of task runs without a row that counts them. */
  uncounted: number[]
}

/** Looks for task runs whose partners are gone; withdrawn ones are history, and need none. */
export async function inspectRuns(db: Db, projectId: number, part: Part): Promise<RunFindings> {
  const { rows } = await sql<RunFindings>`
    with batch as materialized (
      select id, task_id, contributor_id, withdrawn is null as stands
        from task_run where project_id = ${projectId} and ${within(sql`id`, part)})
    select max(b.id) as last,
           coalesce(array_agg(b.id order by b.id) filter (where stands and t.id is null), '{}') as "strayIds",
           coalesce(array_agg(distinct b.contributor_id) filter (where stands and c.contributor_id is null), '{}')
             as uncounted
      from batch b
      left join task t on t.id = b.task_id and t.project_id = ${projectId}
      left join contributor_project c on c.contributor_id = b.contributor_id and c.project_id = ${projectId}`.execute(
    db,
  )
  return rows[0] ?? { last: null, strayIds: [], uncounted: [] }
}

/** Sums of real numbers differ in their last digits by the order in which they were added up. */
const ROUNDING = 0.001

const ownRuns = (projectId: number, contributorId: RawBuilder<unknown>) => sql`
  select count(*)::int as n_runs, count(score)::int as n_scored, coalesce(sum(score::double precision), 0) as score_sum
    from task_run
   where contributor_id = ${contributorId} and project_id = ${projectId} and withdrawn is null`

/** Holds contributors' counters against their task runs; of ids also those who have none. */
export async function inspectContributors(
  db: Db,
  projectId: number,
  part: Part,
): Promise<{ last: number | null; wrong: number[] }> {
  const batch =
    'ids' in part
      ? sql`
        select x.id, c.n_runs, c.n_scored, c.score_sum
          from (select distinct id from unnest(${[...part.ids]}::bigint[]) as u (id)) x
          left join contributor_project c on c.contributor_id = x.id and c.project_id = ${projectId}`
      : sql`
        select contributor_id as id, n_runs, n_scored, score_sum
          from contributor_project where project_id = ${projectId} and ${within(sql`contributor_id`, part)}`
  const { rows } = await sql<{ last: number | null; wrong: number[] }>`
    with batch as materialized (${batch})
    select max(b.id) as last,
           coalesce(array_agg(b.id order by b.id) filter (
             where (b.n_runs, b.n_scored) is distinct from (r.n_runs, r.n_scored)
                or abs(b.score_sum - r.score_sum) > ${ROUNDING}), '{}') as wrong
      from batch b cross join lateral (${ownRuns(projectId, sql`b.id`)}) r`.execute(db)
  return rows[0] ?? { last: null, wrong: [] }
}

/** Locks contributors' counters against submit, in the order in which all do who lock several. */
export async function lockContributors(
  tx: Tx,
  projectId: number,
  contributorIds: readonly number[],
): Promise<void> {
  await sql`
    select from contributor_project
     where project_id = ${projectId} and contributor_id = any (${[...contributorIds]}::bigint[])
     order by contributor_id for update`.execute(tx)
}

/** Makes the rows of contributors that are not counted yet. */
export async function insertMissingContributors(
  tx: Tx,
  projectId: number,
  contributorIds: readonly number[],
): Promise<void> {
  await sql`
    insert into contributor_project (contributor_id, project_id, cur_epoch)
    select x.id, p.id, p.sched_epoch from unnest(${[...contributorIds]}::bigint[]) as x (id), project p
     where p.id = ${projectId} order by x.id
    on conflict do nothing`.execute(tx)
}

/** Counts the task runs of contributors anew, whose counters are locked. */
export async function recountContributors(
  tx: Tx,
  projectId: number,
  contributorIds: readonly number[],
): Promise<void> {
  await sql`
    update contributor_project c
       set n_runs = r.n_runs, n_scored = r.n_scored, score_sum = r.score_sum
      from unnest(${[...contributorIds]}::bigint[]) as x (id)
     cross join lateral (${ownRuns(projectId, sql`x.id`)}) r
     where c.contributor_id = x.id and c.project_id = ${projectId}`.execute(tx)
}
