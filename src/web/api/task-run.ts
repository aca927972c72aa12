import { Router } from '@koa/router'
import { submitForNext, submitTaskRun } from '../../domain/assignment/assignment-service.ts'
import type { NewTaskRun } from '../../domain/assignment/assignment-service.ts'
import { madeUpIpOf } from '../../domain/contributors/contributor-service.ts'
import type { ContributorKey } from '../../domain/contributors/contributor-service.ts'
import { getProject } from '../../domain/projects/project-service.ts'
import { getTaskRun, listTaskRunRecords } from '../../domain/task-runs/task-run-service.ts'
import type { Task } from '../../domain/tasks/task-service.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { App } from '../../platform/app.ts'
import { answeringContributor } from './external.ts'
import { argument, checkKeys, countOf, idOf, integerOf, readObject, textOf } from './input.ts'
import { listArguments, refuseUnknownArguments } from './list-arguments.ts'
import { link, toWire, wireTime } from './output.ts'
import { TASK_NAMES } from './task.ts'

const NAMES = {
  id: 'id',
  created: 'created',
  project_id: 'projectId',
  task_id: 'taskId',
  user_id: 'userId',
  user_ip: 'userIp',
  finish_time: 'finishTime',
  timeout: 'timeout',
  calibration: 'calibration',
  external_uid: 'externalUid',
  media_url: 'mediaUrl',
  info: 'info',
} as const

const KEYS = { noun: 'TaskRun', known: Object.keys(NAMES), reserved: ['id', 'created', 'finish_time'] }

/** /api/taskrun */
export function taskRunRoutes(app: App): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/taskrun' })
  router.use(refuseUnknownArguments('TaskRun', KEYS.known))

  const withLinks = (run: { id?: unknown; projectId?: unknown; taskId?: unknown }) => ({
    ...toWire(run, NAMES),
    link: link(app.config.site.url, 'taskrun', run.id),
    links: [
      link(app.config.site.url, 'project', run.projectId, 'parent'),
      link(app.config.site.url, 'task', run.taskId, 'parent'),
    ],
  })

  router.get('/', async (ctx) => {
    const query = listArguments(ctx, { className: 'TaskRun', names: NAMES, hasOwnership: true })
    ctx.body = (await listTaskRunRecords(ctx.state.db, query)).map(withLinks)
  })

  router.get('/:id', async (ctx) => {
    const run = await getTaskRun(ctx.state.db, idOf(ctx))
    await getProject(ctx.state.db, ctx.state.viewer, run.projectId)
    ctx.body = withLinks(run)
  })

  router.post('/', async (ctx) => {
    const body = checkKeys(await readObject(ctx), KEYS)
    const projectId = integerOf(body['project_id'], 'project_id') ?? 0
    const taskId = integerOf(body['task_id'], 'task_id') ?? 0
    // Whoever is named in the body has to be who asks: only the token says so, never a user_id or address.
    const externalUid = textOf(body['external_uid'], 'external_uid')
    const who = await answeringContributor(app, ctx, projectId, externalUid)
    const info = body['info'] ?? null
    const run = {
      projectId,
      taskId,
      info,
      idempotencyKey: ctx.get('Idempotency-Key').slice(0, 200) || undefined,
      presenterVersion: integerOf(ctx.get('X-Presenter-Version') || null, 'X-Presenter-Version'),
      timeout: integerOf(body['timeout'], 'timeout'),
      calibration: integerOf(body['calibration'], 'calibration'),
      mediaUrl: textOf(body['media_url'], 'media_url'),
    }
    const { stored, next } = await store(ctx, who, run)
    ctx.body = {
      id: stored.id,
      created: wireTime(stored.created),
      project_id: projectId,
      task_id: taskId,
      user_id: who.kind === 'user' ? who.userId : null,
      user_ip: madeUpIpOf(app, who),
      finish_time: wireTime(stored.finishTime),
      timeout: run.timeout ?? null,
      calibration: run.calibration ?? null,
      external_uid: who.kind === 'external' ? who.externalUid : null,
      media_url: run.mediaUrl ?? null,
      info,
      ...nextTask(next),
    }
  })

  /** With `next` in the address the contributor's next task comes in the same round trip; `offset` looks further. */
  async function store(ctx: Context, who: ContributorKey, run: NewTaskRun) {
    const { db, requestId } = ctx.state
    if (argument(ctx, 'next') === undefined)
      return { stored: await submitTaskRun(app, db, who, run, requestId), next: undefined }
    return submitForNext(app, db, who, run, { limit: 1, offset: countOf(ctx, 'offset', 0) }, requestId)
  }

  return router
}

function nextTask(next: Task[] | undefined) {
  return next ? { next: next[0] ? toWire(next[0], TASK_NAMES) : {} } : {}
}
