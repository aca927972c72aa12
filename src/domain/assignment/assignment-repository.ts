import { sql } from 'kysely'
import type { Json } from '../../platform/schema.ts'
import type { Db } from '../../platform/postgres.ts'
import type { Task } from '../tasks/task-service.ts'

/** At most this many candidates are examined in one call to the database. */
const BUDGET = 200

export interface NewTaskCall {
  projectId: number
  contributorId: number
  limit: number
  offset: number
}

export interface NewTaskReply {
  tasks: Task[]
  hasMore: boolean
}

/** Leases and returns tasks: one statement. */
export async function callNewTask(db: Db, call: NewTaskCall): Promise<NewTaskReply> {
  const { rows } = await sql<{ hasMore: boolean; tasks: Task[] | null }>`
    select n.has_more as "hasMore",
           (select json_agg(json_build_object(
                     'id', t.id, 'created', to_char(t.created, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                     'projectId', t.project_id, 'state', t.state, 'quorum', t.quorum, 'calibration', t.calibration,
                     'priority', t.priority_0, 'info', t.info, 'nAnswers', t.n_answers, 'favUserIds', t.fav_user_ids)
                   order by array_position(n.task_ids, t.id))
              from task t where t.id = any (n.task_ids)) as tasks
      from newtask_v2(${call.projectId}, ${call.contributorId}, ${call.limit}, ${call.offset}, ${BUDGET}) n`.execute(
    db,
  )
  const [row] = rows
  if (!row) throw new Error('newtask_v2 gave no row')
  return { tasks: row.tasks ?? [], hasMore: row.hasMore }
}

export interface SubmitCall {
  projectId: number
  taskId: number
  contributorId: number
  isAnonymous: boolean
  info: Json | undefined
  idempotencyKey: string | undefined
  presenterVersion: number | undefined
  timeout: number | undefined
  calibration: number | undefined
  mediaUrl: string | undefined
  requestId: string
}

export type SubmitOutcome =
  | 'stored'
  | 'completed'
  | 'replayed'
  | 'duplicate'
  | 'not_requested'
  | 'invalid_task'
  | 'invalid_project'
  | 'anonymous_refused'

export interface SubmitReply {
  outcome: SubmitOutcome
  runId: number | null
  created: string | null
  finishTime: string | null
  counted: boolean | null
}

/** Stores a task run by all the rules: one statement. */
export async function callSubmit(db: Db, call: SubmitCall): Promise<SubmitReply> {
  const { rows } = await sql<SubmitReply>`
    select outcome, run_id as "runId", run_created as "created", run_finish_time as "finishTime",
           run_counted as "counted"
      from submit_v1(${call.projectId}, ${call.taskId}, ${call.contributorId}, ${call.isAnonymous},
        ${call.info === undefined ? null : JSON.stringify(call.info)}::jsonb, ${call.idempotencyKey ?? null},
        ${call.presenterVersion ?? null}, ${call.timeout ?? null}, ${call.calibration ?? null}::smallint,
        ${call.mediaUrl ?? null}, ${call.requestId})`.execute(db)
  const [row] = rows
  if (!row) throw new Error('submit_v1 gave no row')
  return row
}

/** Makes the request row of a task opened by its address; whether it holds a place. */
export async function callRequestTask(
  db: Db,
  call: { projectId: number; taskId: number; contributorId: number; leasesMax: number },
): Promise<boolean> {
  const { rows } = await sql<{ holds: boolean }>`
    select request_task_v2(${call.projectId}, ${call.taskId}, ${call.contributorId}, ${call.leasesMax}) as holds`.execute(
    db,
  )
  return rows[0]?.holds === true
}

/** Gives a leased task back; false when it was not requested. */
export async function callSkip(
  db: Db,
  call: { projectId: number; taskId: number; contributorId: number },
): Promise<boolean> {
  const { rows } = await sql<{ skipped: boolean }>`
    select skip_v1(${call.projectId}, ${call.taskId}, ${call.contributorId}) as skipped`.execute(db)
  return rows[0]?.skipped === true
}

/** Gives places of expired leases back, at most `batch`; how many. */
export async function callSweep(db: Db, batch: number): Promise<number> {
  const { rows } = await sql<{ swept: number }>`select sweep_v1(${batch}) as swept`.execute(db)
  return rows[0]?.swept ?? 0
}

/** How many task runs a contributor has given to a project, exact at once. */
export async function countOwnRuns(db: Db, projectId: number, contributorId: number): Promise<number> {
  const row = await db
    .selectFrom('contributor_project')
    .select('n_runs')
    .where('project_id', '=', projectId)
    .where('contributor_id', '=', contributorId)
    .executeTakeFirst()
  return row?.n_runs ?? 0
}

/** Removes requests whose lease ended more than a day ago, at most `batch`; how many. */
export async function deleteOldRequests(db: Db, batch: number): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    with gone as (
      delete from lease where (contributor_id, project_id, task_id) in (
        select contributor_id, project_id, task_id from lease
         where not holds_place and greatest(requested, expires) < now() - interval '24 hours' limit ${batch} for update skip locked)
      returning 1)
    select count(*)::int as n from gone`.execute(db)
  return rows[0]?.n ?? 0
}
