import { ForbiddenError, NotFoundError, UnauthenticatedError, refusal } from '../../lib/errors.ts'
import { byIds, listRelated, listRows } from '../../platform/list-store.ts'
import type { ListQuery } from '../../platform/list-store.ts'
import { ofDoneTasks, taskRunList } from './task-run-list-repository.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import type { Project } from '../projects/project-service.ts'
import { lockForWithdrawing, withdrawTaskRuns } from '../tasks/rule-service.ts'
import {
  findTaskRun,
  isInResult,
  listLatestRuns,
  listRunsOfTask,
  updateTaskRunColumns,
} from './task-run-repository.ts'
import type { TaskRun, TaskRunChanges } from './task-run-repository.ts'

export type { TaskRun, TaskRunChanges } from './task-run-repository.ts'

/** @throws NotFoundError */
export async function getTaskRun(db: RequestDb, id: number): Promise<TaskRun> {
  const run = await db.read((reader) => findTaskRun(reader, id))
  if (!run) throw new NotFoundError('task run', id)
  return run
}

/** @throws UnauthenticatedError or ForbiddenError for others than its author and admins. */
export function mustChangeTaskRun(viewer: MaybeViewer, run: TaskRun): void {
  const isAuthor = viewer !== undefined && viewer.id === run.userId
  if (!isAuthor && !viewer?.isAdmin)
    throw refusal(viewer, 'Only whoever gave a task run, and admins, can change it.')
}

/**
 * Changes what somebody answered, as long as no result holds it.
 *
 * @throws UnauthenticatedError or ForbiddenError for others than its author and admins, and for a run in a result.
 */
export async function updateTaskRun(
  db: RequestDb,
  viewer: MaybeViewer,
  run: TaskRun,
  changes: TaskRunChanges,
): Promise<TaskRun> {
  return changeRun(db, viewer, run, async (tx) => {
    await updateTaskRunColumns(tx, run, changes)
    const updated = await findTaskRun(tx, run.id)
    if (!updated) throw new NotFoundError('task run', run.id)
    return updated
  })
}

/**
 * Takes a task run away, as long as no result holds it: it stays as history and counts for nothing. Its place is free.
 *
 * @throws UnauthenticatedError or ForbiddenError for others than its author and admins, and for a run in a result.
 */
export async function deleteTaskRun(db: RequestDb, viewer: MaybeViewer, run: TaskRun): Promise<void> {
  const by = viewer?.id === run.userId ? 'contributor' : 'owner'
  await changeRun(db, viewer, run, (tx) => withdrawTaskRuns(tx, run.projectId, [run.id], by))
}

async function changeRun<T>(
  db: RequestDb,
  viewer: MaybeViewer,
  run: TaskRun,
  change: (tx: Tx) => Promise<T>,
): Promise<T> {
  mustChangeTaskRun(viewer, run)
  const work = async (tx: Tx) => {
    await lockForWithdrawing(tx, run.projectId, run)
    if (await isInResult(tx, run))
      throw new ForbiddenError('This task run is part of a result, which has to keep it.')
    return change(tx)
  }
  return db.write(work, { retries: 3 })
}

/** A project's task runs as they arrive, newest first. */
export async function listArrivingRuns(
  db: RequestDb,
  project: Project,
  page: { before?: number | undefined; limit: number },
): Promise<TaskRun[]> {
  return db.read((reader) => listLatestRuns(reader, project.id, page))
}

/** Everything that was answered to one task. */
export async function listTaskRuns(db: RequestDb, taskId: number): Promise<TaskRun[]> {
  return db.read((reader) => listRunsOfTask(reader, taskId))
}

/** A page of task runs by their attributes, as records of the list's fields. */
export async function listTaskRunRecords(
  db: RequestDb,
  query: ListQuery,
): Promise<Record<string, unknown>[]> {
  return db.read((reader) => listRows(reader, taskRunList, query))
}

/** A page of the task runs of done tasks, of projects that this person may change. */
export async function listDoneTaskRuns(
  db: RequestDb,
  viewer: MaybeViewer,
  query: ListQuery,
): Promise<Record<string, unknown>[]> {
  if (!viewer) throw new UnauthenticatedError(OWNERS_ONLY)
  const ofOwners = { ...query, ownerId: undefined, isForOwners: true, where: ofDoneTasks }
  return listTaskRunRecords(db, ofOwners)
}

const OWNERS_ONLY = 'Only owners of a project can list what is completed of it.'

/** All task runs of tasks, as the same records; for callers who may see them. */
export async function listRunsOfTasks(
  db: RequestDb,
  taskIds: readonly number[],
): Promise<Record<string, unknown>[]> {
  return db.read((reader) => listRelated(reader, taskRunList, byIds('taskId', taskIds)))
}
