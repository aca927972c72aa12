import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Json } from '../../platform/schema.ts'

export interface TaskRun {
  id: number
  projectId: number
  taskId: number
  created: string
  finishTime: string
  info: Json
  timeout: number | null
  calibration: number | null
  mediaUrl: string | null
  counted: boolean
  presenterVersion: number | null
  userId: number | null
  userIp: string | null
  externalUid: string | null
  /** The user's name, for the owner's page. */
  userName: string | null
}

function taskRuns(db: Db) {
  return db
    .selectFrom('task_run')
    .innerJoin('contributor', 'contributor.id', 'task_run.contributor_id')
    .leftJoin('user_account', 'user_account.id', 'contributor.user_id')
    .where('task_run.withdrawn', 'is', null)
    .select([
      'task_run.id',
      'task_run.project_id as projectId',
      'task_run.task_id as taskId',
      'task_run.created',
      'task_run.finish_time as finishTime',
      'task_run.timeout',
      'task_run.calibration',
      'task_run.media_url as mediaUrl',
      'task_run.counted',
      'task_run.presenter_version as presenterVersion',
      'contributor.user_id as userId',
      'contributor.made_up_ip as userIp',
      'contributor.external_uid as externalUid',
      'user_account.name as userName',
      sql<Json>`task_run.info`.as('info'),
    ])
}

export async function findTaskRun(db: Db, id: number): Promise<TaskRun | undefined> {
  return taskRuns(db).where('task_run.id', '=', id).executeTakeFirst()
}

/** Whether a task run is part of its task's current result. */
export async function isInResult(db: Db, run: { id: number; taskId: number }): Promise<boolean> {
  const found = await db
    .selectFrom('result')
    .select('id')
    .where('task_id', '=', run.taskId)
    .where('last_version', '=', true)
    .where(sql<boolean>`${run.id}::bigint = any (task_run_ids)`)
    .executeTakeFirst()
  return found !== undefined
}

/** What may change of a task run; a missing key leaves the column as it is. */
export interface TaskRunChanges {
  info?: Json
  timeout?: number | null
  calibration?: number | null
  mediaUrl?: string | null
}

/**
 * Writes what was changed of a locked task run. One that was scored is scored anew, with its contributor's counters.
 */
export async function updateTaskRunColumns(
  tx: Tx,
  run: { id: number; projectId: number },
  changes: TaskRunChanges,
): Promise<void> {
  const columns = {
    info: changes.info === undefined ? undefined : JSON.stringify(changes.info),
    timeout: changes.timeout,
    calibration: changes.calibration,
    media_url: changes.mediaUrl,
  }
  const set = Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined))
  if (Object.keys(set).length > 0)
    await tx.updateTable('task_run').set(set).where('id', '=', run.id).execute()
  if (changes.info === undefined) return
  await sql`
    with old as (select id, contributor_id, score from task_run where id = ${run.id} and score is not null),
    scored as (
      update task_run r set score = score_v1(t.expected_info, r.info)
        from old, task t where r.id = old.id and t.id = r.task_id
      returning r.score)
    update contributor_project c
       set score_sum = c.score_sum + coalesce(scored.score, 0) - old.score,
           n_scored = c.n_scored - (scored.score is null)::int
      from old, scored where c.contributor_id = old.contributor_id and c.project_id = ${run.projectId}`.execute(
    tx,
  )
}

/** A project's task runs, newest first. */
export async function listLatestRuns(
  db: Db,
  projectId: number,
  page: { before?: number | undefined; limit: number },
): Promise<TaskRun[]> {
  let query = taskRuns(db)
    .where('task_run.project_id', '=', projectId)
    .orderBy('task_run.id', 'desc')
    .limit(page.limit)
  if (page.before !== undefined) query = query.where('task_run.id', '<', page.before)
  return query.execute()
}

/** All task runs of one task. */
export async function listRunsOfTask(db: Db, taskId: number): Promise<TaskRun[]> {
  return taskRuns(db).where('task_run.task_id', '=', taskId).orderBy('task_run.id').limit(1_000).execute()
}
