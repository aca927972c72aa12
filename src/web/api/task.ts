import { Router } from '@koa/router'
import { mayEditProject } from '../../domain/projects/project-policy.ts'
import { getProject } from '../../domain/projects/project-service.ts'
import {
  createTask,
  deleteTask,
  getTask,
  listTaskRecords,
  updateTask,
} from '../../domain/tasks/task-service.ts'
import type { Task, TaskChanges } from '../../domain/tasks/task-service.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { App } from '../../platform/app.ts'
import type { JsonObject } from '../../platform/schema.ts'
import { ApiError } from './errors.ts'
import { argument, checkKeys, idOf, integerOf, numberOf, readObject } from './input.ts'
import { listArguments, refuseUnknownArguments } from './list-arguments.ts'
import { link, toWire } from './output.ts'

export const TASK_NAMES = {
  id: 'id',
  created: 'created',
  project_id: 'projectId',
  state: 'state',
  quorum: 'quorum',
  calibration: 'calibration',
  priority_0: 'priority',
  info: 'info',
  n_answers: 'nAnswers',
  fav_user_ids: 'favUserIds',
} as const

const KEYS = {
  noun: 'Task',
  // The answer that is known of a calibration task is taken and never shown.
  known: [...Object.keys(TASK_NAMES), 'expected_info'],
  reserved: ['id', 'created', 'state', 'fav_user_ids'],
}

/** /api/task */
export function taskRoutes(app: App): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/task' })
  router.use(refuseUnknownArguments('Task', KEYS.known))

  const withLinks = (task: Record<string, unknown> | Task) => ({
    ...toWire(task, TASK_NAMES),
    link: link(app.config.site.url, 'task', task.id),
    links: [link(app.config.site.url, 'project', task.projectId, 'parent')],
  })

  router.get('/', async (ctx) => {
    const query = listArguments(ctx, { className: 'Task', names: TASK_NAMES, hasOwnership: true })
    // The list holds the caller's own tasks only, or else those of everybody.
    const mayKnow = query.ownerId !== undefined || ctx.state.viewer?.isAdmin === true
    if (!mayKnow && asksForCalibration(ctx))
      throw new ApiError('Forbidden', 'Which tasks are for calibration is known to owners only')
    const tasks = await listTaskRecords(ctx.state.db, query)
    ctx.body = tasks.map((task) => withLinks(mayKnow ? task : { ...task, calibration: 0 }))
  })

  router.get('/:id', async (ctx) => {
    const task = await getTask(ctx.state.db, idOf(ctx))
    const project = await getProject(ctx.state.db, ctx.state.viewer, task.projectId)
    ctx.body = withLinks(mayEditProject(ctx.state.viewer, project) ? task : { ...task, calibration: 0 })
  })

  router.post('/', async (ctx) => {
    const body = checkKeys(await readObject(ctx), KEYS)
    const projectId = integerOf(body['project_id'], 'project_id')
    if (projectId === undefined) throw new ApiError('DBIntegrityError', 'project_id is required')
    const project = await getProject(ctx.state.db, ctx.state.viewer, projectId)
    const task = await createTask(ctx.state.db, ctx.state.viewer, project, {
      ...settingsOf(body),
      info: body['info'] ?? null,
    })
    ctx.body = toWire(task, TASK_NAMES)
  })

  router.put('/:id', async (ctx) => {
    const task = await getTask(ctx.state.db, idOf(ctx))
    const project = await getProject(ctx.state.db, ctx.state.viewer, task.projectId)
    const body = checkKeys(await readObject(ctx), KEYS)
    const projectId = integerOf(body['project_id'], 'project_id')
    if (projectId !== undefined && projectId !== task.projectId) {
      throw new ApiError('BadRequest', 'A task stays in its project')
    }
    const changes: TaskChanges = {
      ...settingsOf(body),
      ...('info' in body ? { info: body['info'] ?? null } : {}),
    }
    // A null redundancy asks for the default, as the tools' manual promises.
    if ('n_answers' in body && body['n_answers'] === null) changes.nAnswers = 30
    ctx.body = toWire(await updateTask(ctx.state.db, ctx.state.viewer, project, task, changes), TASK_NAMES)
  })

  router.delete('/:id', async (ctx) => {
    const task = await getTask(ctx.state.db, idOf(ctx))
    const project = await getProject(ctx.state.db, ctx.state.viewer, task.projectId)
    await deleteTask(ctx.state.db, ctx.state.viewer, project, task)
    ctx.status = 204
  })

  return router
}

/** Whether a list would be chosen or ordered by what contributors must not know. */
function asksForCalibration(ctx: Context): boolean {
  return argument(ctx, 'calibration') !== undefined || argument(ctx, 'orderby') === 'calibration'
}

function settingsOf(body: JsonObject): Omit<TaskChanges, 'info'> {
  const settings = {
    nAnswers: integerOf(body['n_answers'], 'n_answers'),
    priority: numberOf(body['priority_0'], 'priority_0'),
    quorum: integerOf(body['quorum'], 'quorum'),
    calibration: integerOf(body['calibration'], 'calibration'),
    expectedInfo: body['expected_info'],
  }
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
}
