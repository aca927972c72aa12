import { z } from 'zod'
import { addFavourite, listFavourites, removeFavourite } from '../../domain/tasks/favourite-service.ts'
import { requireViewer } from '../../http/guards.ts'
import type { Context } from '../../http/state.ts'
import { NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { ListQuery } from '../../platform/list-store.ts'
import { ApiError } from './errors.ts'
import { idOf, readObject } from './input.ts'
import { listArguments, listQueryOf } from './list-arguments.ts'
import { checkValue } from './noun.ts'
import type { Operation } from './operation.ts'
import { toWire } from './output.ts'
import { Links, linksOf } from './resource.ts'
import { TASK, withoutCalibration } from './nouns.ts'
import { integer } from './values.ts'

const Mark = z.strictObject({ task_id: integer })

/** Favourites are tasks. Which of them are for calibration is told here to nobody. */
const { calibration: _, ...names } = TASK.names
const RULES = { className: 'Task', names, hasOwnership: false }

/** /api/favorites: the tasks that a signed-in person has marked. */
export function favouriteOperations(app: App): Operation[] {
  const linked = z.intersection(TASK.shown, Links)
  const refuses = { className: 'Task', known: Object.keys(names) }

  async function list(ctx: Context, query: ListQuery): Promise<object[]> {
    const tasks = await listFavourites(ctx.state.db, requireViewer(ctx), query)
    return tasks.map((task) => {
      const object = shown(task)
      return { ...object, ...linksOf(app, TASK, object) }
    })
  }

  return [
    {
      method: 'get',
      path: '/favorites',
      summary: 'List the tasks that the caller has marked',
      query: listQueryOf(RULES),
      shown: z.array(linked),
      async handle(ctx) {
        requireViewer(ctx)
        ctx.body = await list(ctx, listArguments(ctx, RULES))
      },
    },
    {
      method: 'get',
      path: '/favorites/:id',
      summary: 'Read one task that the caller has marked',
      shown: linked,
      async handle(ctx) {
        requireViewer(ctx)
        const id = idOf(ctx)
        const filters = [{ field: 'id', values: [String(id)] }]
        const [task] = await list(ctx, { ...listArguments(ctx, RULES), filters, offset: 0, limit: 1 })
        if (!task) throw new NotFoundError('favourite task', id)
        ctx.body = task
      },
    },
    {
      method: 'post',
      path: '/favorites',
      summary: 'Mark a task',
      body: Mark,
      shown: TASK.shown,
      refuses,
      async handle(ctx) {
        const viewer = requireViewer(ctx)
        const { task_id: taskId, ...rest } = await readObject(ctx)
        if (taskId === undefined || Object.keys(rest).length > 0)
          throw new ApiError('AttributeError', 'task_id, and nothing else, is wanted')
        ctx.body = shown(await addFavourite(ctx.state.db, viewer, checkValue(integer, taskId, 'task_id')))
      },
    },
    {
      method: 'delete',
      path: '/favorites/:id',
      summary: 'Take the mark of a task back',
      shown: TASK.shown,
      refuses,
      async handle(ctx) {
        ctx.body = shown(await removeFavourite(ctx.state.db, requireViewer(ctx), idOf(ctx)))
      },
    },
  ]
}

function shown(task: object): Record<string, unknown> {
  return toWire(withoutCalibration(task), TASK.names)
}
