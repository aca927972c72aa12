import { Router } from '@koa/router'
import {
  ANONYMOUS_REFUSED,
  leaveTasks,
  newTask,
  ownProgress,
  renewTasks,
  requestTask,
  skipTask,
  withdrawTaskRun,
} from '../../domain/assignment/assignment-service.ts'
import {
  getProject,
  getProjectByShortName,
  getServedProject,
  getTotals,
} from '../../domain/projects/project-service.ts'
import { writes } from '../../http/state.ts'
import type { Context, RequestState } from '../../http/state.ts'
import { UnauthenticatedError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { ApiError } from './errors.ts'
import { TokenError, answeringContributor, externalContributor, externalUidOf } from './external.ts'
import { countOf, idOf, integerOf, readObject } from './input.ts'
import { toWire } from './output.ts'
import { TASK_NAMES } from './task.ts'

/** /api/project/<id>/newtask, userprogress, skip, request, renew, leave and undo; /api/app/… is PyBossa's old name. */
export function newTaskRoutes(app: App): Router<RequestState> {
  const router = new Router<RequestState>()

  router.get(['/project/:id/newtask', '/app/:id/newtask'], writes, async (ctx) => {
    const id = projectIdOf(ctx)
    // A link preview or a probe takes no lease.
    if (ctx.method === 'HEAD') {
      ctx.body = {}
      return
    }
    const range = { limit: Math.min(countOf(ctx, 'limit', 1), 100), offset: countOf(ctx, 'offset', 0) }
    const project = await getServedProject(app, ctx.state.db, ctx.state.viewer, id)
    try {
      const who = await externalContributor(app, ctx, project)
      const tasks = await newTask(app, ctx.state.db, project, who, range)
      const wired = tasks.map((task) => toWire(task, TASK_NAMES))
      ctx.body = wired.length > 1 ? wired : (wired[0] ?? {})
    } catch (error) {
      answerRefusal(ctx, error)
    }
  })

  router.get(['/project/:id/userprogress', '/app/:id/userprogress'], async (ctx) => {
    const name = String(ctx.params['id'])
    const { db, viewer } = ctx.state
    const project = /^\d+$/.test(name)
      ? await getProject(db, viewer, Number(name))
      : await getProjectByShortName(db, viewer, name)
    const externalUid = externalUidOf(ctx)
    const who =
      externalUid === undefined
        ? ctx.state.contributor
        : ({ kind: 'external', projectId: project.id, externalUid } as const)
    const [done, { nTasks, nCalibrationTasks }] = await Promise.all([
      ownProgress(app, db, project.id, who),
      getTotals(db, project.id),
    ])
    ctx.body = { done, total: nTasks + nCalibrationTasks }
  })

  router.post('/project/:id/skip', async (ctx) => {
    const projectId = idOf(ctx)
    const taskId = integerOf((await readObject(ctx))['task_id'], 'task_id') ?? 0
    const who = await answeringContributor(app, ctx, projectId)
    await skipTask(app, ctx.state.db, { id: taskId, projectId }, who)
    ctx.status = 204
  })

  router.post('/project/:id/request', async (ctx) => {
    const projectId = idOf(ctx)
    const taskId = integerOf((await readObject(ctx))['task_id'], 'task_id') ?? 0
    const who = await answeringContributor(app, ctx, projectId)
    await getServedProject(app, ctx.state.db, ctx.state.viewer, projectId)
    await requestTask(app, ctx.state.db, { id: taskId, projectId }, who)
    ctx.status = 204
  })

  router.post('/project/:id/renew', async (ctx) => {
    const projectId = idOf(ctx)
    const taskIds = await taskIdsOf(ctx)
    const who = await answeringContributor(app, ctx, projectId)
    ctx.body = { lease_seconds: await renewTasks(app, ctx.state.db, projectId, who, taskIds) }
  })

  router.post('/project/:id/leave', async (ctx) => {
    const projectId = idOf(ctx)
    const taskIds = await taskIdsOf(ctx)
    const who = await answeringContributor(app, ctx, projectId)
    await leaveTasks(app, ctx.state.db, projectId, who, taskIds)
    ctx.status = 204
  })

  router.post('/project/:id/undo', async (ctx) => {
    const projectId = idOf(ctx)
    const runId = integerOf((await readObject(ctx))['task_run_id'], 'task_run_id') ?? 0
    const who = await answeringContributor(app, ctx, projectId)
    ctx.body = { task_id: await withdrawTaskRun(app, ctx.state.db, projectId, who, runId) }
  })

  return router
}

/** @throws ApiError DataError */
async function taskIdsOf(ctx: Context): Promise<number[]> {
  const { task_ids: ids } = await readObject(ctx)
  if (!Array.isArray(ids) || ids.length > 100)
    throw new ApiError('DataError', 'task_ids: a list of at most 100 ids is wanted')
  return ids.map((id) => integerOf(id, 'task_ids') ?? 0)
}

/** Only an id names a project here: PyBossa's database refuses to cast a short name. */
function projectIdOf(ctx: Context): number {
  const text = String((ctx['params'] as Record<string, string>)['id'])
  if (!/^\d{1,15}$/.test(text)) throw new ApiError('DataError', `invalid input syntax for integer: "${text}"`)
  return Number(text)
}

/** PyBossa answers these two refusals in shapes of their own, which its clients know. */
function answerRefusal(ctx: Context, error: unknown): void {
  if (error instanceof TokenError) {
    ctx.status = 401
    ctx.body = { code: error.code, description: error.message }
    return
  }
  if (error instanceof UnauthenticatedError && error.message === ANONYMOUS_REFUSED) {
    ctx.body = { ...toWire({}, TASK_NAMES), info: { error: ANONYMOUS_REFUSED } }
    return
  }
  throw error
}
