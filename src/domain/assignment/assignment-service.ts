import { NOT_REQUESTED } from '../../lib/api-words.ts'
import { AppError, ForbiddenError, UnauthenticatedError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Json } from '../../platform/schema.ts'
import { findKnownContributor, resolveContributor } from '../contributors/contributor-service.ts'
import type { ContributorKey } from '../contributors/contributor-service.ts'
import type { Project } from '../projects/project-service.ts'
import type { Task } from '../tasks/task-service.ts'
import {
  callLeave,
  callNewTask,
  callRenew,
  callRequestTask,
  callSkip,
  callSubmit,
  callSubmitNext,
  callSweep,
  callWithdraw,
  countOwnRuns,
  deleteOldRequests,
  setPace,
} from './assignment-repository.ts'
import type { SubmitCall, SubmitOutcome, SubmitReply, WithdrawOutcome } from './assignment-repository.ts'

export const ANONYMOUS_REFUSED = 'This project does not allow anonymous contributors'

/** So many leases may one contributor hold at once: nobody can hold a project. */
const LEASES_MAX: Record<ContributorKey['kind'], number> = {
  user: 100,
  external: 100,
  device: 20,
  address: 20,
}

/** One question to the database may end before the contributor's circle does; this many of them always suffice. */
const ROUNDS_MAX = 1_000

function isAnonymous(who: ContributorKey): boolean {
  return who.kind === 'device' || who.kind === 'address'
}

/**
 * Hands out tasks by lease: the ones a contributor holds already, then the next free ones. The same call again gives
 * the same tasks; an offset looks ahead. Fewer than `limit`, down to none, when nothing more is left.
 *
 * @throws UnauthenticatedError when the project does not take people without an account.
 */
export async function newTask(
  app: Pick<App, 'sealer'>,
  db: RequestDb,
  project: Project,
  who: ContributorKey,
  range: { limit: number; offset: number },
): Promise<Task[]> {
  if (isAnonymous(who) && !project.allowAnonymousContributors)
    throw new UnauthenticatedError(ANONYMOUS_REFUSED)
  const contributorId = await resolveContributor(app, db, who)
  const { limit, offset } = allowedRange(who, range)
  if (limit <= 0) return []
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const { tasks, hasMore } = await db.call(
      (_, direct) => callNewTask(direct, { projectId: project.id, contributorId, limit, offset }),
      { silent: true },
    )
    if (!hasMore) return tasks
  }
  throw new AppError('unavailable', 'The project is being searched for a task. Try again.', { retryAfter: 1 })
}

/** So much of a range as this kind of contributor may hold. */
function allowedRange(who: ContributorKey, range: { limit: number; offset: number }) {
  const offset = Math.min(range.offset, LEASES_MAX[who.kind])
  return { limit: Math.min(range.limit, LEASES_MAX[who.kind] - offset), offset }
}

/** Opening a task by its address is a request for it, with a place only when one is free and the contributor may hold one more. */
export async function requestTask(
  app: Pick<App, 'sealer'>,
  db: RequestDb,
  task: { id: number; projectId: number },
  who: ContributorKey,
): Promise<void> {
  const contributorId = await resolveContributor(app, db, who)
  await db.call(
    (primary) =>
      callRequestTask(primary, {
        projectId: task.projectId,
        taskId: task.id,
        contributorId,
        leasesMax: LEASES_MAX[who.kind],
      }),
    { silent: true },
  )
}

export interface NewTaskRun {
  projectId: number
  taskId: number
  info: Json | undefined
  idempotencyKey?: string | undefined
  presenterVersion?: number | undefined
  timeout?: number | undefined
  calibration?: number | undefined
  mediaUrl?: string | undefined
  /** The upload that becomes the task run's, in the moment in which it is stored. */
  uploadId?: number | undefined
}

export interface StoredTaskRun {
  id: number
  created: string
  finishTime: string
  counted: boolean
  /** This run gave the task its last wanted answer. */
  completed: boolean
}

/**
 * Stores one contributor's task run of a task that it requested; the same idempotency key gets the first one again.
 *
 * @throws ForbiddenError for a task not requested, unknown, of another project or answered already.
 * @throws UnauthenticatedError when the project does not take people without an account.
 */
export async function submitTaskRun(
  app: Pick<App, 'sealer' | 'queue'>,
  db: RequestDb,
  who: ContributorKey,
  run: NewTaskRun,
  requestId: string,
): Promise<StoredTaskRun> {
  const call = await submitCall(app, db, who, run, requestId)
  return storedRun(await db.call((_, direct) => callSubmit(direct, call)))
}

/**
 * The same, with the contributor's next tasks in the same round trip.
 *
 * @returns `next` undefined when the search for it was not finished: newTask goes on with it.
 */
export async function submitForNext(
  app: Pick<App, 'sealer' | 'queue'>,
  db: RequestDb,
  who: ContributorKey,
  run: NewTaskRun,
  range: { limit: number; offset: number },
  requestId: string,
): Promise<{ stored: StoredTaskRun; next: Task[] | undefined }> {
  const call = await submitCall(app, db, who, run, requestId)
  const reply = await db.call((_, direct) => callSubmitNext(direct, call, allowedRange(who, range)))
  return { stored: storedRun(reply), next: reply.hasMore ? undefined : reply.tasks }
}

async function submitCall(
  app: Pick<App, 'sealer'>,
  db: RequestDb,
  who: ContributorKey,
  run: NewTaskRun,
  requestId: string,
): Promise<SubmitCall> {
  return {
    projectId: run.projectId,
    taskId: run.taskId,
    contributorId: await resolveContributor(app, db, who),
    isAnonymous: isAnonymous(who),
    info: run.info,
    idempotencyKey: run.idempotencyKey,
    presenterVersion: run.presenterVersion,
    timeout: run.timeout,
    calibration: run.calibration,
    mediaUrl: run.mediaUrl,
    uploadId: run.uploadId,
    requestId,
  }
}

const REFUSALS: Partial<Record<SubmitOutcome, () => AppError>> = {
  duplicate: () => new ForbiddenError('You have already answered this task.'),
  not_requested: () => new ForbiddenError(NOT_REQUESTED),
  invalid_task: () => new ForbiddenError('Invalid task_id'),
  invalid_project: () => new ForbiddenError('Invalid project_id'),
  anonymous_refused: () => new UnauthenticatedError(ANONYMOUS_REFUSED),
}

function storedRun(reply: SubmitReply): StoredTaskRun {
  const refusal = REFUSALS[reply.outcome]
  if (refusal) throw refusal()
  const { runId, created, finishTime, counted } = reply
  if (runId === null || created === null || finishTime === null || counted === null) {
    throw new Error(`submit_v2 answered ${reply.outcome} without a task run`)
  }
  return { id: runId, created, finishTime, counted, completed: reply.outcome === 'completed' }
}

/**
 * Gives a leased task back; it is not offered to this contributor again for a day.
 *
 * @throws ForbiddenError when the task was not requested.
 */
export async function skipTask(
  app: Pick<App, 'sealer'>,
  db: RequestDb,
  task: { id: number; projectId: number },
  who: ContributorKey,
): Promise<void> {
  const contributorId = await resolveContributor(app, db, who)
  const skipped = await db.call(
    (primary) => callSkip(primary, { projectId: task.projectId, taskId: task.id, contributorId }),
    { silent: true },
  )
  if (!skipped) throw new ForbiddenError(NOT_REQUESTED)
}

/**
 * Somebody has gone away: the places of these tasks are free at once, and an answer that comes late is still taken.
 */
export async function leaveTasks(
  app: Pick<App, 'sealer'>,
  db: RequestDb,
  projectId: number,
  who: ContributorKey,
  taskIds: readonly number[],
): Promise<void> {
  const contributorId = await findKnownContributor(app, db, who)
  if (contributorId === undefined) return
  await db.call((primary) => callLeave(primary, { projectId, contributorId, taskIds }), { silent: true })
}

/**
 * Somebody still has these tasks before their eyes.
 *
 * @returns for how long leases run, in seconds: renewing at half of that keeps them.
 */
export async function renewTasks(
  app: Pick<App, 'sealer'>,
  db: RequestDb,
  projectId: number,
  who: ContributorKey,
  taskIds: readonly number[],
): Promise<number> {
  const contributorId = await resolveContributor(app, db, who)
  const leasesMax = LEASES_MAX[who.kind]
  return db.call((primary) => callRenew(primary, { projectId, contributorId, taskIds, leasesMax }), {
    silent: true,
  })
}

const NOT_WITHDRAWN: Record<Exclude<WithdrawOutcome, 'withdrawn'>, string> = {
  not_found: 'There is no such answer of yours.',
  not_last: 'Only your last answer can be taken back.',
  too_late: 'This answer can no longer be taken back.',
  announced: 'This answer can no longer be taken back: it finished its task, and the owner has been told.',
}

/**
 * Takes somebody's last answer back, so that its task can be answered anew. The first answer stays as history.
 *
 * @returns the id of the task, which is in this contributor's hand again.
 * @throws ForbiddenError when it is too late, or not their last one.
 */
export async function withdrawTaskRun(
  app: Pick<App, 'sealer'>,
  db: RequestDb,
  projectId: number,
  who: ContributorKey,
  runId: number,
): Promise<number> {
  const contributorId = await resolveContributor(app, db, who)
  const { outcome, taskId } = await db.call((primary) =>
    callWithdraw(primary, { projectId, contributorId, runId }),
  )
  if (outcome !== 'withdrawn') throw new ForbiddenError(NOT_WITHDRAWN[outcome])
  return taskId
}

/** Expired leases that one call gives back. */
export const SWEEP_BATCH = 200

/** Gives places of expired leases back, at most SWEEP_BATCH of them; how many there were. */
export async function sweepLeases(db: RequestDb): Promise<number> {
  return db.call((primary) => callSweep(primary, SWEEP_BATCH), { silent: true })
}

/** Leases near the end of a project run for at least this long, in seconds: pages renew at half of it. */
const LEASE_FLOOR = 120

/**
 * Lets leases run shorter near the end of a project, so that its last tasks do not wait for people who have gone; how
 * many were shortened.
 */
export async function paceLeases(db: RequestDb): Promise<number> {
  return db.call((primary) => setPace(primary, LEASE_FLOOR), { silent: true })
}

/** How many task runs somebody has given to a project; right as soon as one is stored. */
export async function ownProgress(
  app: Pick<App, 'sealer'>,
  db: RequestDb,
  projectId: number,
  who: ContributorKey,
): Promise<number> {
  const contributorId = await findKnownContributor(app, db, who)
  if (contributorId === undefined) return 0
  return db.read((reader) => countOwnRuns(reader, projectId, contributorId))
}

/** Forgets requests whose lease ended more than a day ago, in small statements; how many. */
export async function forgetOldRequests(openDb: () => RequestDb): Promise<number> {
  let total = 0
  for (;;) {
    const deleted = await openDb().call((primary) => deleteOldRequests(primary, 1_000), { silent: true })
    total += deleted
    if (deleted < 1_000) return total
  }
}
