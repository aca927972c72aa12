import { z } from 'zod'
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
import type { ContributorKey } from '../../domain/contributors/contributor-service.ts'
import { getProjectByName, getServedProject, getTotals } from '../../domain/projects/project-service.ts'
import type { Context } from '../../http/state.ts'
import { UnauthenticatedError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { ApiError } from './errors.ts'
import { TokenError, answeringContributor, externalContributor, externalUidOf } from './external.ts'
import { countOf, idOf, nameOf } from './input.ts'
import { readAs } from './noun.ts'
import type { Operation } from './operation.ts'
import { toWire } from './output.ts'
import { TASK } from './nouns.ts'
import { integer, text } from './values.ts'

const ASKING = { external_uid: text.meta({ description: 'Whom another site speaks for, by its token.' }) }
const OneRun = z.strictObject({ task_run_id: integer })
const OneTask = z.strictObject({ task_id: integer })
const UP_TO_100 = 'a list of at most 100 ids is wanted'
const SeveralTasks = z.strictObject({ task_ids: z.array(integer, UP_TO_100).max(100, UP_TO_100) })

/** What contributors ask of a project: tasks, their progress, and what becomes of tasks they hold. */
export function newTaskOperations(app: App): Operation[] {
  const about = <B>(request: RequestAbout<B>) => operationAbout(app, request)
  return [
    {
      method: 'get',
      path: '/project/:id/newtask',
      summary: 'Ask for tasks to work on; one is an object, several an array, none an empty object',
      query: {
        ...ASKING,
        limit: text.meta({ description: 'How many, 1 when left out and at most 100.' }),
        offset: text.meta({ description: 'How many of the next ones to pass over.' }),
        orderby: text.meta({ description: 'Without effect: the scheduler of the project decides.' }),
        desc: text.meta({ description: 'Without effect.' }),
      },
      shown: z.union([TASK.shown, z.array(TASK.shown), z.strictObject({})]),
      refusals: { 401: z.strictObject({ code: z.string(), description: z.string() }) },
      writes: true,
      handle: (ctx) => giveTasks(app, ctx),
    },
    {
      method: 'get',
      path: '/project/:id/userprogress',
      summary: 'How many tasks the caller has done, of how many; the id may be the short name',
      query: ASKING,
      shown: z.strictObject({ done: z.int(), total: z.int() }),
      handle: (ctx) => giveProgress(app, ctx),
    },
    about({
      name: 'skip',
      summary: 'Give a task back without a task run',
      body: OneTask,
      async work({ db }, { id: projectId, who }, { task_id: id }) {
        await skipTask(app, db, { id, projectId }, who)
      },
    }),
    about({
      name: 'request',
      summary: 'Ask for one certain task',
      body: OneTask,
      async work({ db, viewer }, { id: projectId, who }, { task_id: id }) {
        await getServedProject(app, db, viewer, projectId)
        await requestTask(app, db, { id, projectId }, who)
      },
    }),
    about({
      name: 'renew',
      summary: 'Keep tasks for another lease time, while their page is open',
      body: SeveralTasks,
      shown: z.strictObject({ lease_seconds: z.number() }),
      async work({ db }, { id, who }, { task_ids: taskIds }) {
        return { lease_seconds: await renewTasks(app, db, id, who, taskIds) }
      },
    }),
    about({
      name: 'leave',
      summary: 'Give tasks back when their page is closed',
      body: SeveralTasks,
      async work({ db }, { id, who }, { task_ids: taskIds }) {
        await leaveTasks(app, db, id, who, taskIds)
      },
    }),
    about({
      name: 'undo',
      summary: 'Withdraw the last task run',
      body: OneRun,
      shown: z.strictObject({ task_id: z.int() }),
      async work({ db }, { id, who }, { task_run_id: runId }) {
        return { task_id: await withdrawTaskRun(app, db, id, who, runId) }
      },
    }),
  ]
}

/** What a contributor says of tasks that it holds. */
interface RequestAbout<B> {
  readonly name: string
  readonly summary: string
  readonly body: z.ZodType<B>
  /** Left out when the answer is empty. */
  readonly shown?: z.ZodType
  readonly work: (
    state: Context['state'],
    project: { readonly id: number; readonly who: ContributorKey },
    body: B,
  ) => Promise<unknown>
}

function operationAbout<B>(app: App, request: RequestAbout<B>): Operation {
  const { name, summary, body, shown = 'nothing', work } = request
  return {
    method: 'post',
    path: `/project/:id/${name}`,
    summary,
    query: ASKING,
    body,
    shown,
    async handle(ctx) {
      const given = await readAs(ctx, body)
      const id = idOf(ctx)
      const who = await answeringContributor(app, ctx, id)
      const answer = await work(ctx.state, { id, who }, given)
      if (shown === 'nothing') ctx.status = 204
      else ctx.body = answer
    },
  }
}

async function giveTasks(app: App, ctx: Context): Promise<void> {
  const id = projectIdOf(ctx)
  // A link preview or a probe takes no lease.
  if (ctx.method === 'HEAD') {
    ctx.body = {}
    return
  }
  const range = { limit: Math.min(countOf(ctx, 'limit', 1), 100), offset: countOf(ctx, 'offset', 0) }
  const project = await getServedProject(app, ctx.state.db, ctx.state.viewer, id)
  try {
    const asking = await externalContributor(app, ctx, project)
    const tasks = await newTask(app, ctx.state.db, project, asking, range)
    const wired = tasks.map((task) => toWire(task, TASK.names))
    ctx.body = wired.length > 1 ? wired : (wired[0] ?? {})
  } catch (error) {
    answerRefusal(ctx, error)
  }
}

async function giveProgress(app: App, ctx: Context): Promise<void> {
  const { db, viewer } = ctx.state
  const project = await getProjectByName(db, viewer, nameOf(ctx))
  const externalUid = externalUidOf(ctx)
  const asking =
    externalUid === undefined
      ? ctx.state.contributor
      : ({ kind: 'external', projectId: project.id, externalUid } as const)
  const [done, { nTasks, nCalibrationTasks }] = await Promise.all([
    ownProgress(app, db, project.id, asking),
    getTotals(db, project.id),
  ])
  ctx.body = { done, total: nTasks + nCalibrationTasks }
}

/** Only an id names a project here: PyBossa's database refuses to cast a short name. */
function projectIdOf(ctx: Context): number {
  const name = nameOf(ctx)
  if (!/^\d{1,15}$/.test(name)) throw new ApiError('DataError', `invalid input syntax for integer: "${name}"`)
  return Number(name)
}

/** PyBossa answers these two refusals in shapes of their own, which its clients know. */
function answerRefusal(ctx: Context, error: unknown): void {
  if (error instanceof TokenError) {
    ctx.status = 401
    ctx.body = { code: error.code, description: error.message }
    return
  }
  if (error instanceof UnauthenticatedError && error.message === ANONYMOUS_REFUSED) {
    ctx.body = { ...toWire({}, TASK.names), info: { error: ANONYMOUS_REFUSED } }
    return
  }
  throw error
}
