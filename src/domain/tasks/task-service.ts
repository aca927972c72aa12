import { z } from 'zod'
import { ForbiddenError, InvalidError, NotFoundError, UnauthenticatedError } from '../../lib/errors.ts'
import { canonicalJson, contentHash, hashOfCanonical } from '../../lib/canonical-json.ts'
import { fieldErrors } from '../../lib/field-errors.ts'
import { byIds, listRelated, listRows } from '../../platform/list-store.ts'
import type { ListQuery } from '../../platform/list-store.ts'
import { taskList, withoutRunsOf } from './task-list-repository.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Tx } from '../../platform/postgres.ts'
import { currentRequestId } from '../../platform/request-context.ts'
import type { Json } from '../../platform/schema.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import { mustEdit } from '../projects/project-service.ts'
import type { Project } from '../projects/project-service.ts'
import { copyTaskRows, insertTaskRows, isInOldOrder } from './task-insert-repository.ts'
import type { AddedTasks, TaskRow } from './task-insert-repository.ts'
import {
  REORDER_BATCH,
  countTasks,
  deleteTaskRows,
  findNeighbour,
  findTask,
  hasResult,
  listSampleTasks,
  listTaskProgress,
  lockContributorsOf,
  lockTasks,
  noteTasks,
  reconcileTasks,
  reorderTasks,
  updateTaskColumns,
} from './task-repository.ts'
import type { Task, TaskChanges, TaskFilter, TaskProgress } from './task-repository.ts'

export type { Task, TaskChanges, TaskFilter, TaskProgress } from './task-repository.ts'

/** PyBossa's default redundancy. */
const REDUNDANCY = 30

/** A task before it has an id. */
export interface TaskInput {
  info: Json
  nAnswers?: number | undefined
  priority?: number | undefined
  calibration?: number | undefined
  /** The answer that is known, of a calibration task. */
  expectedInfo?: Json | undefined
  quorum?: number | undefined
}

const Settings = z.object({
  nAnswers: z
    .int('n_answers is a whole number.')
    .min(1, 'n_answers is at least 1.')
    .max(10_000, 'n_answers is at most 10,000.')
    .optional(),
  priority: z
    .number('priority_0 is a number.')
    .min(0, 'priority_0 is at least 0.')
    .max(1, 'priority_0 is at most 1.')
    .optional(),
  calibration: z.int('calibration is 0 or 1.').min(0).max(1).optional(),
  quorum: z.int('quorum is a whole number.').min(0).max(10_000).optional(),
})

export function checkSettings(settings: TaskChanges | TaskInput): void {
  const parsed = Settings.safeParse(settings)
  if (parsed.success) return
  const fields = fieldErrors(parsed.error)
  throw new InvalidError(Object.values(fields)[0] ?? 'A task setting is out of range.', fields)
}

/** Adds one task to a project. */
export async function createTask(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  input: TaskInput,
): Promise<Task> {
  mustEdit(viewer, project)
  checkSettings(input)
  return db.write(async (tx) => {
    const added = await insertTaskRows(tx, project.id, [rowOf(input)])
    await noteAdded(tx, project.id, added)
    const task = await findTask(tx, added.ids[0] ?? 0)
    if (!task) throw new Error('A new task was not stored')
    return task
  })
}

export function rowOf(input: TaskInput): TaskRow {
  const content = canonicalJson(input.info)
  const { expectedInfo = null } = input
  return {
    info: input.info === null ? null : content,
    nAnswers: input.nAnswers ?? REDUNDANCY,
    priority: input.priority ?? 0,
    calibration: input.calibration ?? 0,
    expectedInfo: expectedInfo === null ? null : JSON.stringify(expectedInfo),
    quorum: input.quorum ?? 0,
    hash: hashOfCanonical(content),
  }
}

/**
 * Adds many tasks within one transaction, in the order of the source; rows that the project has already are skipped.
 *
 * @returns how many were added, how many contents the project had, and how many rows repeat others of the source.
 */
export async function addTasks(
  tx: Tx,
  projectId: number,
  inputs: AsyncIterable<TaskInput>,
): Promise<{ added: number; known: number; repeated: number }> {
  const copied = await copyTaskRows(tx, projectId, inputs, rowOf)
  await noteAdded(tx, projectId, copied)
  const { added, known, repeated } = copied
  return { added, known, repeated }
}

/** Notes that tasks were added, and brings them into the order that the project has by now. */
export async function noteAdded(
  tx: Tx,
  projectId: number,
  { added, nCalibration, nWanted, firstId }: Omit<AddedTasks, 'ids' | 'given'>,
): Promise<void> {
  if (firstId === null) return
  await noteTasks(tx, projectId, {
    n_tasks: added - nCalibration,
    n_calibration_tasks: nCalibration,
    n_wanted: nWanted,
  })
  if (!(await isInOldOrder(tx, projectId, firstId))) return
  let last: number | undefined = firstId - 1
  while (last !== undefined) last = await reorderTasks(tx, projectId, last, REORDER_BATCH)
}

/** @throws NotFoundError */
export async function getTask(db: RequestDb, id: number): Promise<TaskProgress> {
  const task = await db.read((reader) => findTask(reader, id))
  if (!task) throw new NotFoundError('task', id)
  return task
}

/** A page of tasks for their owner, in id order. */
export async function listTasks(
  db: RequestDb,
  project: Project,
  page: { filter: TaskFilter; lastId: number; limit: number },
): Promise<TaskProgress[]> {
  return db.read((reader) => listTaskProgress(reader, project.id, page))
}

/** How many tasks each filter of the browser shows. */
export async function countProjectTasks(
  db: RequestDb,
  project: Project,
): Promise<Record<TaskFilter, number>> {
  return db.read((reader) => countTasks(reader, project.id))
}

/** The first tasks of a project. */
export async function sampleTasks(db: RequestDb, project: Project, limit: number): Promise<Task[]> {
  return db.read((reader) => listSampleTasks(reader, project.id, limit))
}

/** The task of a project that comes after (or before) an id, for looking through them one by one. */
export async function findTaskBeside(
  db: RequestDb,
  project: Project,
  id: number,
  side: 'next' | 'previous',
): Promise<Task | undefined> {
  return db.read((reader) => findNeighbour(reader, project.id, id, side))
}

/**
 * Changes a task while people may be working on it. Less redundancy takes places back from the newest leases, then
 * turns the newest counted task runs into extra ones; a task that now has enough is completed, one that has not any
 * more is open again. All in one transaction.
 */
export async function updateTask(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  task: Task,
  changes: TaskChanges,
): Promise<Task> {
  mustEdit(viewer, project)
  checkSettings(changes)
  const work = async (tx: Tx) => {
    await lockTasks(tx, [task.id])
    await updateTaskColumns(tx, [task.id], {
      ...changes,
      ...(changes.info === undefined ? {} : { hash: contentHash(changes.info) }),
    })
    const { nAnswers, priority, calibration } = changes
    if ([nAnswers, priority, calibration].some((rule) => rule !== undefined))
      await reconcileTasks(tx, project.id, [task.id], currentRequestId())
    const updated = await findTask(tx, task.id)
    if (!updated) throw new NotFoundError('task', task.id)
    return updated
  }
  return db.write(work, { retries: 3 })
}

/**
 * Deletes a task with its task runs.
 *
 * @throws ForbiddenError for an owner when the task has a result; an admin may.
 */
export async function deleteTask(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  task: Task,
): Promise<void> {
  const editor = mustEdit(viewer, project)
  await db.write(async (tx) => {
    if (!editor.isAdmin && (await hasResult(tx, task.id))) {
      throw new ForbiddenError('This task has a result: only an admin can delete it.')
    }
    await lockContributorsOf(tx, project.id, { taskIds: [task.id] })
    await lockTasks(tx, [task.id])
    const gone = await deleteTaskRows(tx, task.id)
    if (!gone) throw new NotFoundError('task', task.id)
    await noteTasks(tx, project.id, {
      n_contributors: -gone.nContributors,
      ...(gone.isCalibration
        ? { n_calibration_tasks: -1 }
        : {
            n_tasks: -1,
            n_wanted: -gone.nAnswers,
            n_completed_tasks: gone.doneBy === null ? 0 : -1,
            n_task_runs: -gone.nRuns,
            n_extra: -gone.nExtra,
          }),
    })
  })
}

/**
 * A page of tasks by their attributes, as records of the list's fields.
 *
 * @param exceptOf contributors: only tasks that none of them has given a task run to.
 */
export async function listTaskRecords(
  db: RequestDb,
  query: ListQuery,
  exceptOf: readonly number[] = [],
): Promise<Record<string, unknown>[]> {
  const where = exceptOf.length === 0 ? query.where : withoutRunsOf(exceptOf)
  return db.read((reader) => listRows(reader, taskList, { ...query, where }))
}

/** A page of done tasks, of projects that this person may change. */
export async function listDoneTasks(
  db: RequestDb,
  viewer: MaybeViewer,
  query: ListQuery,
): Promise<Record<string, unknown>[]> {
  if (!viewer) throw new UnauthenticatedError('Only owners of a project can list what is completed of it.')
  const filters = [...query.filters, { field: 'state', values: ['completed'] }]
  return listTaskRecords(db, { ...query, filters, ownerId: undefined, isForOwners: true })
}

/** Tasks by their ids, as the same records; for callers who may see them. */
export async function listTasksByIds(
  db: RequestDb,
  ids: readonly number[],
): Promise<Record<string, unknown>[]> {
  return db.read((reader) => listRelated(reader, taskList, byIds('id', ids)))
}
