import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Json } from '../../platform/schema.ts'

export interface Task {
  id: number
  created: string
  projectId: number
  state: string
  nAnswers: number
  priority: number
  quorum: number
  calibration: number
  favUserIds: number[] | null
  info: Json
}

/** A task with how far it has come. */
export interface TaskProgress extends Task {
  nRuns: number
  nTaken: number
  nExtra: number
}

const COLUMNS = [
  'task.id',
  'task.created',
  'task.project_id as projectId',
  'task.state',
  'task.n_answers as nAnswers',
  'task.priority_0 as priority',
  'task.quorum',
  'task.calibration',
  'task.fav_user_ids as favUserIds',
  'task.info',
] as const

/** Notes that tasks were added or removed: totals follow, and cursors begin at the front again. */
export async function noteTasks(
  tx: Tx,
  projectId: number,
  delta: Partial<
    Record<
      | 'n_tasks'
      | 'n_calibration_tasks'
      | 'n_wanted'
      | 'n_completed_tasks'
      | 'n_task_runs'
      | 'n_extra'
      | 'n_contributors',
      number
    >
  >,
): Promise<void> {
  await tx
    .insertInto('project_delta')
    .values({ project_id: projectId, ...delta })
    .execute()
  await tx
    .updateTable('project')
    .set({ sched_epoch: sql`sched_epoch + 1` })
    .where('id', '=', projectId)
    .execute()
}

export async function findTask(db: Db, id: number): Promise<TaskProgress | undefined> {
  return withProgress(db).where('task.id', '=', id).executeTakeFirst()
}

function withProgress(db: Db) {
  return db
    .selectFrom('task')
    .innerJoin('task_sched', 'task_sched.task_id', 'task.id')
    .select([
      ...COLUMNS,
      'task_sched.n_runs as nRuns',
      'task_sched.n_taken as nTaken',
      'task_sched.n_extra as nExtra',
    ])
}

/** Which tasks the browser shows. */
export type TaskFilter = 'all' | 'ongoing' | 'completed' | 'untouched'

/** A page of a project's tasks in id order, from after `lastId`. */
export async function listTaskProgress(
  db: Db,
  projectId: number,
  page: { filter: TaskFilter; lastId: number; limit: number },
): Promise<TaskProgress[]> {
  let query = withProgress(db)
    .where('task.project_id', '=', projectId)
    .where('task.id', '>', page.lastId)
    // Said of the other table too: a merge of both would begin at the first task of the site.
    .where('task_sched.project_id', '=', projectId)
    .where('task_sched.task_id', '>', page.lastId)
    .orderBy('task.id')
    .limit(page.limit)
  if (page.filter === 'ongoing') query = query.where('task_sched.done_by', 'is', null)
  if (page.filter === 'completed') query = query.where('task_sched.done_by', 'is not', null)
  if (page.filter === 'untouched') query = query.where('task_sched.n_runs', '=', 0)
  return query.execute()
}

/** The task of a project with the next greater (or smaller) id. */
export async function findNeighbour(
  db: Db,
  projectId: number,
  id: number,
  side: 'next' | 'previous',
): Promise<Task | undefined> {
  return db
    .selectFrom('task')
    .select(COLUMNS)
    .where('project_id', '=', projectId)
    .where('id', side === 'next' ? '>' : '<', id)
    .orderBy('id', side === 'next' ? 'asc' : 'desc')
    .limit(1)
    .executeTakeFirst()
}

/** The first tasks of a project: samples for a preview. */
export async function listSampleTasks(db: Db, projectId: number, limit: number): Promise<Task[]> {
  return db
    .selectFrom('task')
    .select(COLUMNS)
    .where('project_id', '=', projectId)
    .orderBy('id')
    .limit(limit)
    .execute()
}

export interface TaskChanges {
  info?: Json
  nAnswers?: number
  priority?: number
  quorum?: number
  calibration?: number
  expectedInfo?: Json
}

/** Writes what an owner changed. Whoever changes a rule has locked the tasks, and reconciles them afterwards. */
export async function updateTaskColumns(
  tx: Tx,
  taskIds: readonly number[],
  changes: TaskChanges & { hash?: string },
): Promise<void> {
  const columns = {
    info: changes.info === undefined ? undefined : JSON.stringify(changes.info),
    info_hash: changes.hash === undefined ? undefined : Buffer.from(changes.hash, 'hex'),
    n_answers: changes.nAnswers,
    priority_0: changes.priority,
    quorum: changes.quorum,
    calibration: changes.calibration,
    expected_info: changes.expectedInfo === undefined ? undefined : jsonOrNull(changes.expectedInfo),
  }
  const set = Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined))
  if (Object.keys(set).length === 0) return
  await tx
    .updateTable('task')
    .set(set)
    .where('id', '=', sql<number>`any (${[...taskIds]}::bigint[])`)
    .execute()
}

function jsonOrNull(value: Json): string | null {
  return value === null ? null : JSON.stringify(value)
}

/** Locks the places that are held of these tasks. */
export async function lockPlaces(tx: Tx, taskIds: readonly number[]): Promise<void> {
  await sql`
    select from lease where task_id = any (${[...taskIds]}::bigint[]) and holds_place
     order by task_id, contributor_id for update`.execute(tx)
}

/** Writes the priorities of locked tasks, by their ids; they are reconciled afterwards. */
export async function updatePriorities(tx: Tx, priorities: ReadonlyMap<number, number>): Promise<void> {
  await sql`
    update task t set priority_0 = c.priority
      from unnest(${[...priorities.keys()]}::bigint[], ${[...priorities.values()]}::double precision[]) as c (id, priority)
     where t.id = c.id`.execute(tx)
}

/** The projects of tasks, by the ids of the tasks. */
export async function findProjectsOfTasks(db: Db, taskIds: readonly number[]): Promise<Map<number, number>> {
  const { rows } = await sql<{ id: number; projectId: number }>`
    select id, project_id as "projectId" from task where id = any (${[...taskIds]}::bigint[])`.execute(db)
  return new Map(rows.map(({ id, projectId }) => [id, projectId]))
}

/** Locks tasks against newtask, submit and sweep, before their rules are changed. */
export async function lockTasks(tx: Tx, taskIds: readonly number[]): Promise<void> {
  await sql`select lock_tasks_v1(${[...taskIds]}::bigint[])`.execute(tx)
}

/** Tasks whose order keys one statement rewrites: short, so that nobody waits for it. */
export const REORDER_BATCH = 2_000

/**
 * Brings the order keys of at most `batch` tasks after `afterId` into the order of the project's scheduler; the last one
 * looked at, undefined at the end.
 */
export async function reorderTasks(
  db: Db,
  projectId: number,
  afterId: number,
  batch: number,
): Promise<number | undefined> {
  const { rows } = await sql<{ last: number | null }>`
    select reorder_v1(${projectId}, ${afterId}, ${batch}) as last`.execute(db)
  return rows[0]?.last ?? undefined
}

/** The condition that a task is one of these. */
export function amongTasks(id: RawBuilder<unknown>, tasks: readonly number[] | 'all'): RawBuilder<unknown> {
  return tasks === 'all' ? sql`` : sql`and ${id} = any (${[...tasks]}::bigint[])`
}

/** The project's tasks among these ids, or all of them; in id order. */
export async function findTaskIds(
  tx: Tx,
  projectId: number,
  ids: readonly number[] | 'all',
): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select id from task
     where project_id = ${projectId} ${amongTasks(sql`id`, ids)}
     order by id`.execute(tx)
  return rows.map(({ id }) => id)
}

/** Wants as many task runs of each task as it has counted ones; those without any are left as they are. */
export async function fitRedundancyToRuns(tx: Tx, taskIds: readonly number[], more: number): Promise<void> {
  await sql`
    update task t set n_answers = s.n_runs + ${more}
      from task_sched s
     where t.id = any (${[...taskIds]}::bigint[]) and s.task_id = t.id
       and s.n_runs > 0 and (s.done_by is null) = (${more} = 0)`.execute(tx)
}

/** Withdraws task runs in somebody's name: they stay as history. The tasks they belong to, each once. */
export async function withdrawRuns(
  tx: Tx,
  projectId: number,
  runIds: readonly number[],
  by: 'owner' | 'check' | 'contributor',
): Promise<{ nWithdrawn: number; taskIds: number[] }> {
  const { rows } = await sql<{ nWithdrawn: number; taskIds: number[] | null }>`
    with gone as (
      update task_run set withdrawn = now(), withdrawn_by = ${by}
       where project_id = ${projectId} and id = any (${[...runIds]}::bigint[]) and withdrawn is null
      returning task_id, contributor_id, score),
    per_person as (
      select contributor_id, count(*) as n, count(score) as n_scored,
             coalesce(sum(score::double precision), 0) as score_sum
        from gone group by 1),
    credited as (
      update contributor_project c
         set n_runs = c.n_runs - p.n, n_scored = c.n_scored - p.n_scored, score_sum = c.score_sum - p.score_sum
        from per_person p where c.contributor_id = p.contributor_id and c.project_id = ${projectId}
      returning c.n_runs),
    noted as (
      insert into project_delta (project_id, n_contributors)
      select ${projectId}, -count(*) from credited where n_runs = 0 having count(*) > 0)
    select count(*)::int as "nWithdrawn", array_agg(distinct task_id order by task_id) as "taskIds" from gone`.execute(
    tx,
  )
  return { nWithdrawn: rows[0]?.nWithdrawn ?? 0, taskIds: rows[0]?.taskIds ?? [] }
}

/**
 * Locks the counters of everybody who gave these runs, or runs of these tasks. Comes before `lockTasks`: whoever submits
 * takes them in this order too.
 */
export async function lockContributorsOf(
  tx: Tx,
  projectId: number,
  of: { runIds: readonly number[] } | { taskIds: readonly number[] },
): Promise<void> {
  const these =
    'runIds' in of
      ? sql`id = any (${[...of.runIds]}::bigint[])`
      : sql`task_id = any (${[...of.taskIds]}::bigint[])`
  await sql`
    select from contributor_project
     where project_id = ${projectId}
       and contributor_id in (select contributor_id from task_run where project_id = ${projectId} and ${these})
     order by contributor_id for update`.execute(tx)
}

/** The tasks that these task runs belong to. */
export async function findTasksOfRuns(
  tx: Tx,
  projectId: number,
  runIds: readonly number[],
): Promise<number[]> {
  const { rows } = await sql<{ taskId: number }>`
    select distinct task_id as "taskId" from task_run
     where project_id = ${projectId} and id = any (${[...runIds]}::bigint[])`.execute(tx)
  return rows.map(({ taskId }) => taskId)
}

/** The task runs of tasks that are not withdrawn. */
export async function findRunsOfTasks(
  db: Db,
  projectId: number,
  taskIds: readonly number[],
): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select id from task_run
     where project_id = ${projectId} and task_id = any (${[...taskIds]}::bigint[]) and withdrawn is null
     order by id`.execute(db)
  return rows.map(({ id }) => id)
}

/** What a change of rules did. */
export interface Reconciled {
  nClosed: number
  nReopened: number
  nBecameExtra: number
  nBecameCounted: number
  nPlacesBack: number
}

/** Makes everything about locked tasks, each named once, agree with their changed rules: reconcile_v1. */
export async function reconcileTasks(
  tx: Tx,
  projectId: number,
  taskIds: readonly number[],
  requestId: string | undefined,
): Promise<Reconciled> {
  const { rows } = await sql<Reconciled>`
    select n_closed as "nClosed", n_reopened as "nReopened", n_became_extra as "nBecameExtra",
           n_became_counted as "nBecameCounted", n_places_back as "nPlacesBack"
      from reconcile_v1(${projectId}, ${[...taskIds]}::bigint[], ${requestId ?? null})`.execute(tx)
  const [row] = rows
  if (!row) throw new Error('reconcile_v1 gave no row')
  return row
}

export async function hasResult(db: Db, taskId: number): Promise<boolean> {
  const row = await db
    .selectFrom('result')
    .select('id')
    .where('task_id', '=', taskId)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** What a deleted task had added to the totals of its project. */
export interface DeletedTask {
  isCalibration: boolean
  nAnswers: number
  nRuns: number
  nExtra: number
  doneBy: number | null
  /** Contributors who have no task run in the project any more. */
  nContributors: number
}

/**
 * Removes a task with everything about it; its totals are the caller's to correct. Undefined when it was gone already.
 */
export async function deleteTaskRows(tx: Tx, taskId: number): Promise<DeletedTask | undefined> {
  const sched = await tx
    .deleteFrom('task_sched')
    .where('task_id', '=', taskId)
    .returning([
      'calibrates as isCalibration',
      'n_answers as nAnswers',
      'n_runs as nRuns',
      'n_extra as nExtra',
      'done_by as doneBy',
    ])
    .executeTakeFirst()
  if (!sched) return undefined
  const { rows: credited } = await sql<{ nRuns: number }>`
    update contributor_project c
       set n_runs = c.n_runs - 1, n_scored = c.n_scored - (r.score is not null)::int,
           score_sum = c.score_sum - coalesce(r.score, 0)
      from task_run r
     where r.task_id = ${taskId} and r.withdrawn is null
       and c.contributor_id = r.contributor_id and c.project_id = r.project_id
    returning c.n_runs as "nRuns"`.execute(tx)
  await tx.deleteFrom('lease').where('task_id', '=', taskId).execute()
  // What stands and what does not have an index each.
  await sql`
    delete from result
     where (task_id = ${taskId} and last_version) or (task_id = ${taskId} and not last_version)`.execute(tx)
  await sql`
    delete from task_run
     where (task_id = ${taskId} and withdrawn is null) or (task_id = ${taskId} and withdrawn is not null)`.execute(
    tx,
  )
  await tx.deleteFrom('task').where('id', '=', taskId).execute()
  return { ...sched, nContributors: credited.filter(({ nRuns }) => nRuns === 0).length }
}

/** How a project's tasks are spread, for the task browser's sentences. */
export async function countTasks(db: Db, projectId: number): Promise<Record<TaskFilter, number>> {
  const { rows } = await sql<Record<TaskFilter, number>>`
    select count(*) as "all", count(*) filter (where done_by is null) as ongoing,
           count(*) filter (where done_by is not null) as completed, count(*) filter (where n_runs = 0) as untouched
      from task_sched where project_id = ${projectId}`.execute(db)
  const [row] = rows
  return row ?? { all: 0, ongoing: 0, completed: 0, untouched: 0 }
}
