import { sql } from 'kysely'
import type { Db } from '../../platform/postgres.ts'
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
