import { InvalidError, NotFoundError } from '../../lib/errors.ts'
import type { RequestDb } from '../../platform/database.ts'
import { currentRequestId } from '../../platform/request-context.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import { getProjectById, mustEdit, recordChange } from '../projects/project-service.ts'
import type { Project } from '../projects/project-service.ts'
import { insertTaskRows } from './task-insert-repository.ts'
import { findProjectsOfTasks, lockTasks, reconcileTasks, updatePriorities } from './task-repository.ts'
import { checkSettings, noteAdded, rowOf } from './task-service.ts'
import type { TaskInput } from './task-service.ts'

/**
 * Adds many tasks to a project, all or none; their ids in the order given. Unlike an import it takes equal tasks.
 *
 * @throws InvalidError that says which task, counted from 0.
 */
export async function createTasks(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  inputs: readonly TaskInput[],
): Promise<number[]> {
  mustEdit(viewer, project)
  eachNamed(inputs, checkSettings)
  return db.write(async (tx) => {
    const added = await insertTaskRows(tx, project.id, inputs.map(rowOf))
    await noteAdded(tx, project.id, added)
    return added.ids
  })
}

/**
 * Changes the priorities of tasks, all or none; they may be of several projects. Of a task that is named more than once
 * the last priority holds.
 *
 * @throws InvalidError or NotFoundError that says which task; UnauthenticatedError or ForbiddenError unless this person
 * may change all of the projects.
 */
export async function changePriorities(
  db: RequestDb,
  viewer: MaybeViewer,
  changes: readonly { id: number; priority: number }[],
): Promise<void> {
  eachNamed(changes, checkSettings)
  // Each once: what reconciles the tasks would count the runs of a repeated one twice.
  const priorities = new Map(changes.map(({ id, priority }) => [id, priority]))
  const ids = [...priorities.keys()]
  const tasks = await db.read((reader) => findProjectsOfTasks(reader, ids))
  const missing = ids.find((id) => !tasks.has(id))
  if (missing !== undefined) throw new NotFoundError('task', missing)
  const projectIds = [...new Set(tasks.values())].sort((a, b) => a - b)
  const projects = await Promise.all(projectIds.map((id) => getProjectById(db, id)))
  const editors = projects.map((project) => ({ project, editor: mustEdit(viewer, project) }))
  await db.write(
    async (tx) => {
      await lockTasks(tx, ids)
      await updatePriorities(tx, priorities)
      for (const { project, editor } of editors) {
        const own = ids.filter((id) => tasks.get(id) === project.id)
        await reconcileTasks(tx, project.id, own, currentRequestId())
        const after = Object.fromEntries(own.map((id) => [id, priorities.get(id) ?? null]))
        await recordChange(tx, project, {
          userId: editor.id,
          caller: 'api',
          attribute: 'tasks.priorities',
          after,
        })
      }
    },
    { retries: 3 },
  )
}

/** Checks one after the other. @throws InvalidError with the place of the first one that is wrong. */
function eachNamed<T>(tasks: readonly T[], check: (task: T) => void): void {
  for (const [n, task] of tasks.entries()) {
    try {
      check(task)
    } catch (error) {
      if (!(error instanceof InvalidError)) throw error
      throw new InvalidError(`tasks.${n}: ${Object.values(error.fields)[0] ?? error.message}`)
    }
  }
}
