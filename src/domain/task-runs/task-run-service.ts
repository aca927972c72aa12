import { NotFoundError } from '../../lib/errors.ts'
import { listRows } from '../../platform/list-store.ts'
import type { ListQuery } from '../../platform/list-store.ts'
import { taskRunList } from './task-run-list-repository.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Project } from '../projects/project-service.ts'
import { findTaskRun, listLatestRuns, listRunsOfTask } from './task-run-repository.ts'
import type { TaskRun } from './task-run-repository.ts'

export type { TaskRun } from './task-run-repository.ts'

/** @throws NotFoundError */
export async function getTaskRun(db: RequestDb, id: number): Promise<TaskRun> {
  const run = await db.read((reader) => findTaskRun(reader, id))
  if (!run) throw new NotFoundError('task run', id)
  return run
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
