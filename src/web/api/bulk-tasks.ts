import { z } from 'zod'
import { getProject } from '../../domain/projects/project-service.ts'
import { changePriorities, createTasks } from '../../domain/tasks/bulk-service.ts'
import { readJson } from './input.ts'
import { checkValue, readAs } from './noun.ts'
import type { Operation } from './operation.ts'
import { integer, json, number } from './values.ts'

/** Tasks that one request may bring or change. */
const TASKS_MAX = 1_000
const UP_TO = `a list of 1 to ${TASKS_MAX} tasks is wanted`

const NewTask = z.strictObject({
  info: json.nullish(),
  n_answers: integer.nullish(),
  priority_0: number.nullish(),
  quorum: integer.nullish(),
  calibration: integer.nullish(),
  expected_info: json.nullish(),
})
const NewTasks = z.strictObject({
  project_id: integer,
  tasks: z.array(NewTask, UP_TO).min(1, UP_TO).max(TASKS_MAX, UP_TO),
})

const Priority = z.strictObject({ id: integer, priority_0: number })
const Priorities = z.array(Priority, UP_TO).min(1, UP_TO).max(TASKS_MAX, UP_TO)

/** /api/bulktasks: many tasks in one request, all of them or none. */
export function bulkTaskOperations(): Operation[] {
  return [
    {
      method: 'post',
      path: '/bulktasks',
      summary: `Create up to ${TASKS_MAX} tasks of a project, all or none; the answer holds their ids in the order given`,
      body: NewTasks,
      shown: z.strictObject({ ids: z.array(z.int()) }),
      async handle(ctx) {
        const { project_id: projectId, tasks } = await readAs(ctx, NewTasks)
        const { db, viewer } = ctx.state
        const project = await getProject(db, viewer, projectId)
        const inputs = tasks.map((task) => ({
          info: task.info ?? null,
          nAnswers: task.n_answers ?? undefined,
          priority: task.priority_0 ?? undefined,
          quorum: task.quorum ?? undefined,
          calibration: task.calibration ?? undefined,
          expectedInfo: task.expected_info ?? undefined,
        }))
        ctx.body = { ids: await createTasks(db, viewer, project, inputs) }
      },
    },
    {
      method: 'put',
      path: '/bulktasks',
      summary: `Change the priority of up to ${TASKS_MAX} tasks, all or none`,
      body: Priorities,
      shown: z.strictObject({ tasks: z.int() }),
      async handle(ctx) {
        const given = checkValue(Priorities, await readJson(ctx), 'tasks')
        const changes = given.map(({ id, priority_0: priority }) => ({ id, priority }))
        await changePriorities(ctx.state.db, ctx.state.viewer, changes)
        ctx.body = { tasks: given.length }
      },
    },
  ]
}
