import { sql } from 'kysely'
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

export interface TaskRow {
  info: Json
  nAnswers: number
  priority: number
  calibration: number
  quorum: number
  /** SHA-256 of the content, in hexadecimal. */
  hash: string
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

/**
 * Adds tasks with their scheduling rows, in the order given.
 *
 * @param options.skipKnown leaves out rows whose content the project has already.
 * @returns how many were added, and how many task runs they want together.
 */
export async function insertTaskRows(
  tx: Tx,
  projectId: number,
  rows: readonly TaskRow[],
  options: { skipKnown: boolean },
): Promise<{ added: number; nWanted: number; firstId: number | null }> {
  // One row for each key stays: for an import the content, else every row for itself.
  const keyed = rows.map((row, index) => ({ ...row, key: options.skipKnown ? row.hash : String(index) }))
  const { rows: inserted } = await sql<{ added: number; nWanted: number; firstId: number | null }>`
    with given as (
      select * from rows from (
        jsonb_to_recordset(${JSON.stringify(keyed)}::jsonb)
          as (info jsonb, "nAnswers" integer, priority double precision, calibration smallint, quorum integer, hash text, key text)
      ) with ordinality as g (info, "nAnswers", priority, calibration, quorum, hash, key, n)),
    fresh as (
      select distinct on (key) * from given
       where not ${options.skipKnown} or (select 1 from task t where t.project_id = ${projectId}
                                             and t.info_hash = decode(given.hash, 'hex') limit 1) is null
       order by key, n),
    added as (
      insert into task (project_id, info, n_answers, priority_0, calibration, quorum, info_hash)
      select ${projectId}, info, "nAnswers", priority, calibration, quorum, decode(hash, 'hex') from fresh order by n
      returning id, n_answers, priority_0),
    scheduled as (
      insert into task_sched (task_id, project_id, nprio, n_answers)
      select id, ${projectId}, -priority_0, n_answers from added)
    select count(*)::int as added, coalesce(sum(n_answers), 0)::int as "nWanted", min(id) as "firstId" from added`.execute(
    tx,
  )
  return inserted[0] ?? { added: 0, nWanted: 0, firstId: null }
}

/** Notes that tasks were added or removed: totals follow, and cursors begin at the front again. */
export async function noteTaskCount(
  tx: Tx,
  projectId: number,
  delta: { nTasks: number; nWanted?: number; nCompletedTasks?: number },
): Promise<void> {
  await tx
    .insertInto('project_delta')
    .values({
      project_id: projectId,
      n_tasks: delta.nTasks,
      n_wanted: delta.nWanted ?? 0,
      n_completed_tasks: delta.nCompletedTasks ?? 0,
    })
    .execute()
  await raiseEpoch(tx, projectId)
}

/** Every contributor's cursor begins at the front again. */
export async function raiseEpoch(tx: Tx, projectId: number): Promise<void> {
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
    .orderBy('task.id')
    .limit(page.limit)
  if (page.filter === 'ongoing' || page.filter === 'completed')
    query = query.where('task.state', '=', page.filter)
  if (page.filter === 'untouched') query = query.where('task_sched.n_runs', '=', 0)
  return query.execute()
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

/** The scheduling row, locked against newtask, submit and sweep. */
export async function lockSchedule(
  tx: Tx,
  taskId: number,
): Promise<{ nAnswers: number; nRuns: number; nTaken: number; doneBy: number | null } | undefined> {
  return tx
    .selectFrom('task_sched')
    .select(['n_answers as nAnswers', 'n_runs as nRuns', 'n_taken as nTaken', 'done_by as doneBy'])
    .where('task_id', '=', taskId)
    .forUpdate()
    .executeTakeFirst()
}

export interface TaskChanges {
  info?: Json
  nAnswers?: number
  priority?: number
  quorum?: number
  calibration?: number
}

/** Writes what an owner changed, in both tables. The caller holds the scheduling row. */
export async function updateTaskRows(
  tx: Tx,
  id: number,
  changes: TaskChanges & { state?: string; doneBy?: number | null; hash?: string },
): Promise<void> {
  const columns = {
    info: changes.info === undefined ? undefined : JSON.stringify(changes.info),
    info_hash: changes.hash === undefined ? undefined : Buffer.from(changes.hash, 'hex'),
    n_answers: changes.nAnswers,
    priority_0: changes.priority,
    quorum: changes.quorum,
    calibration: changes.calibration,
    state: changes.state,
  }
  const set = Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined))
  if (Object.keys(set).length > 0) await tx.updateTable('task').set(set).where('id', '=', id).execute()
  await sql`
    update task_sched s
       set n_answers = coalesce(${changes.nAnswers ?? null}::integer, n_answers),
           nprio = coalesce(-${changes.priority ?? null}::real, nprio),
           done_by = ${changes.doneBy === undefined ? sql`done_by` : sql`${changes.doneBy}::bigint`},
           open = ${changes.doneBy === undefined ? sql`done_by` : sql`${changes.doneBy}::bigint`} is null
                  and n_taken < coalesce(${changes.nAnswers ?? null}::integer, n_answers)
     where task_id = ${id}`.execute(tx)
}

/** Takes a task's places back from leases that hold them, so that its redundancy can shrink; how many. */
export async function releasePlaces(tx: Tx, taskId: number, count: number): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    with freed as (
      update lease set holds_place = false
       where (contributor_id, task_id) in (
         select contributor_id, task_id from lease where task_id = ${taskId} and holds_place
          order by seq desc limit ${count} for update)
      returning 1)
    select count(*)::int as n from freed`.execute(tx)
  const freed = rows[0]?.n ?? 0
  await sql`update task_sched set n_taken = n_taken - ${freed} where task_id = ${taskId}`.execute(tx)
  return freed
}

/** Moves counted runs beyond `keep` to extra: the latest ones first. */
export async function demoteRuns(tx: Tx, taskId: number, count: number): Promise<void> {
  await sql`
    update task_run set counted = false
     where id in (select id from task_run where task_id = ${taskId} and counted and withdrawn is null
                   order by id desc limit ${count})`.execute(tx)
  await sql`
    update task_sched set n_runs = n_runs - ${count}, n_taken = n_taken - ${count}, n_extra = n_extra + ${count}
     where task_id = ${taskId}`.execute(tx)
}

/**
 * Locks the leases of a task that hold a place, in the order that submit and sweep use: leases before the scheduling
 * row. Rows without a place stay free: newtask writes those while it holds the scheduling row.
 */
export async function lockLeases(tx: Tx, taskId: number): Promise<void> {
  await sql`select from lease where task_id = ${taskId} and holds_place order by contributor_id for update`.execute(
    tx,
  )
}

/** The newest counted run of a task: what completed it. */
export async function findLastCountedRun(tx: Tx, taskId: number): Promise<number | undefined> {
  const row = await tx
    .selectFrom('task_run')
    .select('id')
    .where('task_id', '=', taskId)
    .where('counted', '=', true)
    .where('withdrawn', 'is', null)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.id
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
  nAnswers: number
  nRuns: number
  nExtra: number
  doneBy: number | null
}

/**
 * Removes a task with everything about it; its totals are the caller's to correct. Undefined when it was gone already.
 */
export async function deleteTaskRows(tx: Tx, taskId: number): Promise<DeletedTask | undefined> {
  const sched = await tx
    .deleteFrom('task_sched')
    .where('task_id', '=', taskId)
    .returning(['n_answers as nAnswers', 'n_runs as nRuns', 'n_extra as nExtra', 'done_by as doneBy'])
    .executeTakeFirst()
  if (!sched) return undefined
  await sql`
    update contributor_project c set n_runs = c.n_runs - 1
      from task_run r
     where r.task_id = ${taskId} and r.withdrawn is null
       and c.contributor_id = r.contributor_id and c.project_id = r.project_id`.execute(tx)
  for (const table of ['lease', 'result', 'task_run'] as const) {
    await tx.deleteFrom(table).where('task_id', '=', taskId).execute()
  }
  await tx.deleteFrom('task').where('id', '=', taskId).execute()
  return sched
}

/** Notes task runs that vanished with their task. */
export async function noteRunsGone(
  tx: Tx,
  projectId: number,
  gone: { nRuns: number; nExtra: number },
): Promise<void> {
  await tx
    .insertInto('project_delta')
    .values({ project_id: projectId, n_task_runs: -gone.nRuns, n_extra: -gone.nExtra })
    .execute()
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
