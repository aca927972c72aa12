import { findContributorIds } from '../../domain/contributors/contributor-service.ts'
import { getProject } from '../../domain/projects/project-service.ts'
import { mayEditProject } from '../../domain/projects/project-policy.ts'
import {
  createTask,
  deleteTask,
  getTask,
  listTaskRecords,
  updateTask,
} from '../../domain/tasks/task-service.ts'
import type { TaskChanges } from '../../domain/tasks/task-service.ts'
import type { Context } from '../../http/state.ts'
import type { App } from '../../platform/app.ts'
import { fieldsAsked } from '../../platform/list-store.ts'
import { ApiError } from './errors.ts'
import { argument } from './input.ts'
import { TASK, withoutCalibration } from './nouns.ts'
import type { BodyOf } from './noun.ts'
import type { Operation } from './operation.ts'
import { relatedOfTasks } from './related.ts'
import { resource } from './resource.ts'

type TaskBody = BodyOf<typeof TASK.attributes>

/** /api/task */
export function taskOperations(app: App): Operation[] {
  return resource(app, TASK, {
    extras: { related: relatedOfTasks },

    async list(ctx, { ownerId, ...rest }): Promise<object[]> {
      const participated = argument(ctx, 'participated') !== undefined
      const query = { ...rest, ownerId: participated ? undefined : ownerId }
      // The list holds the caller's own tasks only, or else those of everybody.
      const mayKnow = query.ownerId !== undefined || ctx.state.viewer?.isAdmin === true
      if (!mayKnow && fieldsAsked(query).includes('calibration'))
        throw new ApiError('Forbidden', 'Which tasks are for calibration is known to owners only')
      const except = participated ? await callerIds(app, ctx) : []
      const tasks = await listTaskRecords(ctx.state.db, query, except)
      return mayKnow ? tasks : tasks.map(withoutCalibration)
    },

    async read(ctx, id) {
      const { task, project } = await find(ctx, id)
      return mayEditProject(ctx.state.viewer, project) ? task : withoutCalibration(task)
    },

    async create(ctx, body) {
      const { project_id: projectId, info } = body
      if (projectId == null) throw new ApiError('DBIntegrityError', 'project_id is required')
      const { db, viewer } = ctx.state
      const project = await getProject(db, viewer, projectId)
      return createTask(db, viewer, project, { ...settingsOf(body), info: info ?? null })
    },

    async update(ctx, id, read) {
      const { task, project } = await find(ctx, id)
      const body = await read()
      if (body.project_id != null && body.project_id !== task.projectId)
        throw new ApiError('BadRequest', 'A task stays in its project')
      const changes: TaskChanges = {
        ...settingsOf(body),
        ...('info' in body ? { info: body.info ?? null } : {}),
      }
      // A null redundancy asks for the default, as the tools' manual promises.
      if (body.n_answers === null) changes.nAnswers = 30
      return updateTask(ctx.state.db, ctx.state.viewer, project, task, changes)
    },

    async remove(ctx, id) {
      const { task, project } = await find(ctx, id)
      await deleteTask(ctx.state.db, ctx.state.viewer, project, task)
    },
  })
}

/** The contributors that the caller is, or speaks for: somebody with an account is nobody else. */
async function callerIds(app: App, ctx: Context): Promise<number[]> {
  const { db, viewer, contributor } = ctx.state
  const externalUid = viewer ? undefined : argument(ctx, 'external_uid')
  return findContributorIds(app, db, externalUid === undefined ? contributor : { externalUid })
}

async function find(ctx: Context, id: number) {
  const { db, viewer } = ctx.state
  const task = await getTask(db, id)
  return { task, project: await getProject(db, viewer, task.projectId) }
}

function settingsOf(body: TaskBody): Omit<TaskChanges, 'info'> {
  const settings = {
    nAnswers: body.n_answers ?? undefined,
    priority: body.priority_0 ?? undefined,
    quorum: body.quorum ?? undefined,
    calibration: body.calibration ?? undefined,
    expectedInfo: body.expected_info,
  }
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
}
