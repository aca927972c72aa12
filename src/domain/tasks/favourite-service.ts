import { NotFoundError } from '../../lib/errors.ts'
import type { RequestDb } from '../../platform/database.ts'
import { listRows } from '../../platform/list-store.ts'
import type { ListQuery } from '../../platform/list-store.ts'
import type { ProjectViewer } from '../projects/project-policy.ts'
import { getProject } from '../projects/project-service.ts'
import { getTask } from './task-service.ts'
import type { Task } from './task-service.ts'
import { deleteFavourite, favouriteList, insertFavourite } from './favourite-repository.ts'

/** A page of the tasks that a person has marked, as records of the task list's fields. */
export async function listFavourites(
  db: RequestDb,
  person: ProjectViewer,
  query: ListQuery,
): Promise<Record<string, unknown>[]> {
  return db.read((reader) => listRows(reader, favouriteList(person.id), query))
}

/** Marks a task; marking it again changes nothing. @throws NotFoundError; ForbiddenError in a draft of others */
export async function addFavourite(db: RequestDb, person: ProjectViewer, taskId: number): Promise<Task> {
  const task = await getTask(db, taskId)
  await getProject(db, person, task.projectId)
  await db.write((tx) => insertFavourite(tx, taskId, person.id))
  return getTask(db, taskId)
}

/**
 * Takes the mark back.
 *
 * @throws NotFoundError when the task is not marked; ForbiddenError when its project has become a draft of others:
 *   then lists do not show the mark either.
 */
export async function removeFavourite(db: RequestDb, person: ProjectViewer, taskId: number): Promise<Task> {
  const { projectId } = await getTask(db, taskId)
  await getProject(db, person, projectId)
  const isGone = await db.write((tx) => deleteFavourite(tx, taskId, person.id))
  if (!isGone) throw new NotFoundError('favourite task', taskId)
  return getTask(db, taskId)
}
