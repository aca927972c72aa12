import { sql } from 'kysely'
import type { Json } from '../../platform/schema.ts'
import type { Db, DirectCall } from '../../platform/postgres.ts'
import type { Task } from '../tasks/task-service.ts'

/**
 * At most this many candidates are examined in one call to the database. One that the contributor has answered costs
 * five blocks, and up to seven beside dead rows; a call is to touch fewer than a thousand.
 */
export const BUDGET = 100

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

/**
 * A task as its contributor sees it: nothing tells whether it is for calibration. Under `incremental` it carries what
 * the contributor before answered, as PyBossa's clients expect. The project is the statement's first parameter.
 *
 * @param ids the tasks, in the order wanted.
 */
const tasksJson = (ids: string) => `(
    select json_agg(json_build_object(
             'id', t.id, 'created', to_char(t.created, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
             'projectId', t.project_id, 'state', t.state, 'quorum', t.quorum, 'calibration', 0,
             'priority', t.priority_0, 'nAnswers', t.n_answers, 'favUserIds', t.fav_user_ids,
             'info', case when p.scheduler = 'incremental' and jsonb_typeof(t.info) = 'object'
                          then t.info || jsonb_build_object('last_answer', (
                            select r.info from task_run r where r.task_id = t.id and r.withdrawn is null
                             order by r.id desc limit 1))
                          else t.info end)
           order by array_position(${ids}, t.id))
      from task t, (select scheduler from project where id = $1) p where t.id = any (${ids}))`

const NEW_TASK = `
  select n.has_more as "hasMore", ${tasksJson('n.task_ids')} as tasks from newtask_v2($1, $2, $3, $4, $5) n`

/** Contents of several tasks that one answer may hold, in bytes as they are stored (compressed). */
const SEVERAL_BYTES_MAX = 8 * 1024 * 1024

/** The first tasks that fit into one answer, one at least; whoever has done these is given the others. */
const NEW_TASKS = `
  select n.has_more as "hasMore", ${tasksJson('fitting.ids')} as tasks
    from newtask_v2($1, $2, $3, $4, $5) n
   cross join lateral (
     select array(select id from (
       select x.id, x.place, sum(pg_column_size(task.info)) over (order by x.place) as bytes
         from unnest(n.task_ids) with ordinality as x (id, place) join task on task.id = x.id) sized
       where place = 1 or bytes <= ${SEVERAL_BYTES_MAX} order by place) as ids) fitting`

/** Leases and returns tasks: one statement. */
export async function callNewTask(
  direct: DirectCall,
  { projectId, contributorId, limit, offset }: NewTaskCall,
): Promise<NewTaskReply> {
  const statement = limit === 1 ? NEW_TASK : NEW_TASKS
  const { tasks, hasMore } = await direct<{ hasMore: boolean; tasks: Task[] | null }>(statement, [
    projectId,
    contributorId,
    limit,
    offset,
    BUDGET,
  ])
  return { tasks: tasks ?? [], hasMore }
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
  /** The upload that becomes the task run's when it is stored. */
  uploadId: number | undefined
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

const SUBMIT_REPLY = `
  outcome, run_id as "runId", run_created as "created", run_finish_time as "finishTime", run_counted as "counted"`
/** Who does not say which version a task run was given with (or names one of another project) saw the current one. */
const PRESENTER_VERSION = `
  coalesce((select id from presenter_version where id = $7 and project_id = $1),
           (select presenter_version_id from project where id = $1))`
const SUBMIT_PARAMETERS = `$1, $2, $3, $4, $5, $6, ${PRESENTER_VERSION}, $8, $9, $10, $11`
const SUBMIT = `select ${SUBMIT_REPLY} from submit_v2(${SUBMIT_PARAMETERS})`
const SUBMIT_NEXT = `
  select ${SUBMIT_REPLY}, has_more as "hasMore", ${tasksJson('s.task_ids')} as tasks
    from submit_next_v1(${SUBMIT_PARAMETERS}, $12, $13, $14) s`

/** The same with an upload: stored and attached together or not at all. */
const withUpload = (submit: string, uploadId: string) => `
  with submitted as (${submit}),
  attached as (
    update upload set noun = 'task_run', object_id = s."runId" from submitted s
     where upload.id = ${uploadId} and s.outcome in ('stored', 'completed'))
  select * from submitted`
const SUBMIT_FILE = withUpload(SUBMIT, '$12')
const SUBMIT_FILE_NEXT = withUpload(SUBMIT_NEXT, '$15')

/** In the order of SUBMIT_PARAMETERS. */
function submitValues(call: SubmitCall): unknown[] {
  return [
    call.projectId,
    call.taskId,
    call.contributorId,
    call.isAnonymous,
    call.info === undefined ? null : JSON.stringify(call.info),
    call.idempotencyKey,
    call.presenterVersion,
    call.timeout,
    call.calibration,
    call.mediaUrl,
    call.requestId,
  ]
}

/** Stores a task run by all the rules: one statement. */
export function callSubmit(direct: DirectCall, call: SubmitCall): Promise<SubmitReply> {
  const values = submitValues(call)
  if (call.uploadId === undefined) return direct<SubmitReply>(SUBMIT, values)
  return direct<SubmitReply>(SUBMIT_FILE, [...values, call.uploadId])
}

type SubmitNextRow = SubmitReply & { hasMore: boolean | null; tasks: Task[] | null }

/** Stores a task run, and leases and returns the contributor's next tasks besides: one statement. */
export async function callSubmitNext(
  direct: DirectCall,
  call: SubmitCall,
  range: { limit: number; offset: number },
): Promise<SubmitReply & NewTaskReply> {
  const values = [...submitValues(call), range.limit, range.offset, BUDGET]
  const row = await (call.uploadId === undefined
    ? direct<SubmitNextRow>(SUBMIT_NEXT, values)
    : direct<SubmitNextRow>(SUBMIT_FILE_NEXT, [...values, call.uploadId]))
  return { ...row, tasks: row.tasks ?? [], hasMore: row.hasMore === true }
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
    select skip_v2(${call.projectId}, ${call.taskId}, ${call.contributorId}) as skipped`.execute(db)
  return rows[0]?.skipped === true
}

/** Gives the places of these tasks back, because their contributor has gone away; how many places that were. */
export async function callLeave(
  db: Db,
  call: { projectId: number; contributorId: number; taskIds: readonly number[] },
): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    select leave_v1(${call.projectId}, ${call.contributorId}, ${[...call.taskIds]}::bigint[]) as n`.execute(
    db,
  )
  return rows[0]?.n ?? 0
}

/** Prolongs the leases of these tasks; for how long leases run, in seconds. */
export async function callRenew(
  db: Db,
  call: { projectId: number; contributorId: number; taskIds: readonly number[]; leasesMax: number },
): Promise<number> {
  const { rows } = await sql<{ seconds: number }>`
    select renew_v1(${call.projectId}, ${call.contributorId}, ${[...call.taskIds]}::bigint[],
                    ${call.leasesMax}) as seconds`.execute(db)
  return rows[0]?.seconds ?? 0
}

export type WithdrawOutcome = 'withdrawn' | 'not_found' | 'not_last' | 'too_late' | 'announced'

/** Takes a contributor's last task run back; whether that was possible, and its task. */
export async function callWithdraw(
  db: Db,
  call: { projectId: number; contributorId: number; runId: number },
): Promise<{ outcome: WithdrawOutcome; taskId: number }> {
  const { rows } = await sql<{ outcome: WithdrawOutcome; taskId: number }>`
    select outcome, task as "taskId"
      from withdraw_v1(${call.projectId}, ${call.contributorId}, ${call.runId})`.execute(db)
  const [row] = rows
  if (!row) throw new Error('withdraw_v1 gave no row')
  return row
}

/** Gives places of expired leases back, at most `batch`; how many. */
export async function callSweep(db: Db, batch: number): Promise<number> {
  const { rows } = await sql<{ swept: number }>`select sweep_v2(${batch}) as swept`.execute(db)
  return rows[0]?.swept ?? 0
}

/**
 * Sets for how long leases run in projects that somebody worked on within a day: near the end of one, three times the
 * median time of its last 200 task runs, at least `floorSeconds` and at most the project's own lease time. Leases that
 * run longer are shortened; open pages renew theirs.
 *
 * @returns how many leases were shortened.
 */
export async function setPace(db: Db, floorSeconds: number): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    with active as (
      select t.project_id, p.lease_seconds, p.lease_now,
             t.n_wanted - t.n_task_runs <= greatest(100, t.n_wanted / 20) as is_near_end
        from project_total t join project p on p.id = t.project_id
       where t.last_activity > now() - interval '1 day' and t.n_completed_tasks < t.n_tasks),
    paced as (
      select a.project_id, a.lease_now,
             case when a.is_near_end then least(a.lease_seconds, greatest(${floorSeconds}, ceil(3 * (
               select percentile_cont(0.5) within group (order by extract(epoch from finish_time - created))
                 from (select finish_time, created from task_run r
                        where r.project_id = a.project_id order by r.id desc limit 200) last))))::int end as seconds
        from active a),
    changed as (
      update project p set lease_now = x.seconds from paced x
       where p.id = x.project_id and p.lease_now is distinct from x.seconds),
    long as materialized (
      select l.contributor_id, l.project_id, l.task_id, x.seconds
        from lease l join paced x using (project_id)
       where l.holds_place and l.expires > now() + make_interval(secs => x.seconds)
         for update of l skip locked),
    shortened as (
      update lease l set expires = now() + make_interval(secs => long.seconds) from long
       where l.contributor_id = long.contributor_id and l.project_id = long.project_id
         and l.task_id = long.task_id
      returning 1)
    select count(*)::int as n from shortened`.execute(db)
  return rows[0]?.n ?? 0
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
