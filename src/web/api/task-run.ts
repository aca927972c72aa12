import { z } from 'zod'
import { submitForNext, submitTaskRun } from '../../domain/assignment/assignment-service.ts'
import type { NewTaskRun } from '../../domain/assignment/assignment-service.ts'
import { madeUpIpOf } from '../../domain/contributors/contributor-service.ts'
import type { ContributorKey } from '../../domain/contributors/contributor-service.ts'
import { getProject } from '../../domain/projects/project-service.ts'
import {
  deleteTaskRun,
  getTaskRun,
  listTaskRunRecords,
  mustChangeTaskRun,
  updateTaskRun,
} from '../../domain/task-runs/task-run-service.ts'
import type { TaskRun, TaskRunChanges } from '../../domain/task-runs/task-run-service.ts'
import type { Task } from '../../domain/tasks/task-service.ts'
import { infoWithFile, keepingUpload, mediaUrlOf } from '../../domain/uploads/upload-service.ts'
import type { NewFile } from '../../domain/uploads/upload-service.ts'
import type { Context } from '../../http/state.ts'
import type { App } from '../../platform/app.ts'
import type { ListQuery } from '../../platform/list-store.ts'
import type { Json } from '../../platform/schema.ts'
import { ApiError } from './errors.ts'
import { answeringContributor } from './external.ts'
import { argument, countOf } from './input.ts'
import { checkValue } from './noun.ts'
import type { BodyOf } from './noun.ts'
import { TASK, TASK_RUN } from './nouns.ts'
import type { Operation } from './operation.ts'
import { toWire, wireTime } from './output.ts'
import { relatedOfTaskRuns } from './related.ts'
import { resource } from './resource.ts'
import { withFile } from './upload.ts'
import { integer, text } from './values.ts'

/** /api/taskrun */
export function taskRunOperations(app: App): Operation[] {
  return [
    ...resource(app, TASK_RUN, {
      extras: { related: relatedOfTaskRuns },

      list(ctx, query): Promise<object[]> {
        refuseUnbounded(query)
        return listTaskRunRecords(ctx.state.db, { ...query, ranges: finishTimes(ctx) })
      },

      read: find,

      async update(ctx, id, read) {
        const run = await find(ctx, id)
        mustChangeTaskRun(ctx.state.viewer, run)
        return updateTaskRun(ctx.state.db, ctx.state.viewer, run, changesOf(await read(), run))
      },

      async remove(ctx, id) {
        await deleteTaskRun(ctx.state.db, ctx.state.viewer, await find(ctx, id))
      },
    }),
    {
      method: 'post',
      path: '/taskrun',
      summary: 'Store a task run; with `next` in the address the next task comes in the same round trip',
      query: {
        external_uid: text,
        next: text.meta({ description: 'Any value: the answer holds the next task as `next`.' }),
        offset: text.meta({ description: 'How many of the next tasks to pass over.' }),
      },
      body: TASK_RUN.body,
      isUpload: true,
      shown: z.intersection(TASK_RUN.shown, z.looseObject({ next: z.looseObject({}).optional() })),
      refuses: TASK_RUN,
      async handle(ctx) {
        ctx.body = await withFile(app, ctx, TASK_RUN, async (read, file) =>
          submit(app, ctx, await read(), file),
        )
      },
    },
  ]
}

async function find(ctx: Context, id: number): Promise<TaskRun> {
  const run = await getTaskRun(ctx.state.db, id)
  await getProject(ctx.state.db, ctx.state.viewer, run.projectId)
  return run
}

/** What a PUT changes: a task run stays with its task and contributor. @throws ApiError BadRequest */
function changesOf(body: BodyOf<typeof TASK_RUN.attributes>, run: TaskRun): TaskRunChanges {
  const given = [
    body.project_id ?? run.projectId,
    body.task_id ?? run.taskId,
    body.external_uid ?? run.externalUid,
  ]
  if (given.join(' ') !== [run.projectId, run.taskId, run.externalUid].join(' '))
    throw new ApiError('BadRequest', 'A task run stays with its task and contributor')
  return {
    ...('info' in body ? { info: body.info ?? null } : {}),
    ...('timeout' in body ? { timeout: body.timeout ?? null } : {}),
    ...('calibration' in body ? { calibration: body.calibration ?? null } : {}),
    ...('media_url' in body ? { mediaUrl: body.media_url ?? null } : {}),
  }
}

/** Nothing finds task runs by what they hold: only those of a project or task are looked through. */
export function refuseUnbounded({ filters, pairs, projectIds }: ListQuery): void {
  const has = (name: string) => filters.some(({ field }) => field === name)
  const isBounded = projectIds !== undefined || has('taskId') || has('id')
  if ((pairs || has('info')) && !isBounded)
    throw new ApiError(
      'ValueError',
      'Task runs can be filtered by info together with project_id or task_id only',
    )
}

/** The range that from_finish_time and to_finish_time give. */
export function finishTimes(ctx: Context): NonNullable<ListQuery['ranges']> {
  const [from, to] = [argument(ctx, 'from_finish_time'), argument(ctx, 'to_finish_time')]
  return from === undefined && to === undefined ? [] : [{ field: 'finishTime', from, to }]
}

type TaskRunBody = BodyOf<typeof TASK_RUN.attributes>

async function submit(
  app: App,
  ctx: Context,
  body: TaskRunBody,
  file: NewFile | undefined,
): Promise<Record<string, unknown>> {
  const projectId = body.project_id ?? 0
  const who = await answeringContributor(app, ctx, projectId, body.external_uid ?? undefined)
  const run = {
    projectId,
    taskId: body.task_id ?? 0,
    info: body.info ?? null,
    idempotencyKey: ctx.get('Idempotency-Key').slice(0, 200) || undefined,
    presenterVersion: presenterVersionOf(ctx),
    timeout: body.timeout ?? undefined,
    calibration: body.calibration ?? undefined,
    mediaUrl: body.media_url ?? undefined,
  }
  const { stored, next, media } = await storeWithFile(app, ctx, who, run, file)
  return {
    id: stored.id,
    created: wireTime(stored.created),
    project_id: projectId,
    task_id: run.taskId,
    user_id: who.kind === 'user' ? who.userId : null,
    user_ip: madeUpIpOf(app, who),
    finish_time: wireTime(stored.finishTime),
    timeout: run.timeout ?? null,
    calibration: run.calibration ?? null,
    external_uid: who.kind === 'external' ? who.externalUid : null,
    media_url: media.mediaUrl ?? null,
    info: media.info,
    ...nextTask(next),
  }
}

/** A repeated request has the file that it brought the first time. */
async function storeWithFile(
  app: App,
  ctx: Context,
  who: ContributorKey,
  run: NewTaskRun & { info: Json },
  file: NewFile | undefined,
) {
  const { db } = ctx.state
  const container = who.kind === 'user' ? `user_${who.userId}` : 'anonymous'
  return keepingUpload(app, db, container, file && named(file), async (upload) => {
    if (!upload) return { ...(await store(app, ctx, who, run)), media: run }
    const ofFile = { mediaUrl: mediaUrlOf(app, upload), info: infoWithFile(run.info, upload) }
    const submitted = await store(app, ctx, who, { ...run, ...ofFile, uploadId: upload.id })
    return { ...submitted, media: await getTaskRun(db, submitted.stored.id) }
  })
}

/** A canvas sends its picture without a name of its own: browsers call it blob. */
function named(file: NewFile): NewFile {
  return file.name === 'blob' ? { ...file, name: 'blob.png' } : file
}

function presenterVersionOf(ctx: Context): number | undefined {
  const header = ctx.get('X-Presenter-Version')
  return header ? checkValue(integer, header, 'X-Presenter-Version') : undefined
}

/** With `next` in the address the contributor's next task comes in the same round trip; `offset` looks further. */
async function store(app: App, ctx: Context, who: ContributorKey, run: NewTaskRun) {
  const { db, requestId } = ctx.state
  if (argument(ctx, 'next') === undefined)
    return { stored: await submitTaskRun(app, db, who, run, requestId), next: undefined }
  return submitForNext(app, db, who, run, { limit: 1, offset: countOf(ctx, 'offset', 0) }, requestId)
}

function nextTask(next: Task[] | undefined) {
  return next ? { next: next[0] ? toWire(next[0], TASK.names) : {} } : {}
}
