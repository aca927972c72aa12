import { listResultsOf } from '../../domain/results/result-service.ts'
import { listRunsOfTasks } from '../../domain/task-runs/task-run-service.ts'
import { listTasksByIds } from '../../domain/tasks/task-service.ts'
import { RELATED_MAX } from '../../platform/list-store.ts'
import type { Context } from '../../http/state.ts'
import { ApiError } from './errors.ts'
import type { NameMap } from './list-arguments.ts'
import { RESULT, TASK, TASK_RUN, withoutCalibration } from './nouns.ts'
import { toWire } from './output.ts'

/**
 * What `related` adds to objects: the ones they belong to and those that belong to them, without links. Whoever sees an
 * object may see them; which tasks are for calibration stays unsaid.
 */

type Objects = readonly Record<string, unknown>[]

/** All task runs of each task, and its current result. */
export async function relatedOfTasks(ctx: Context, tasks: Objects): Promise<Objects> {
  const [runs, results] = await Promise.all([runsBy(ctx, tasks, 'id'), resultsBy(ctx, tasks, 'id')])
  return tasks.map(({ id }) => ({ task_runs: runs.get(id) ?? [], result: results.get(id)?.[0] ?? null }))
}

/** The task of each task run, and that task's current result. */
export async function relatedOfTaskRuns(ctx: Context, taskRuns: Objects): Promise<Objects> {
  const [tasks, results] = await Promise.all([tasksBy(ctx, taskRuns), resultsBy(ctx, taskRuns, 'task_id')])
  return taskRuns.map(({ task_id: id }) => ({
    task: tasks.get(id)?.[0] ?? null,
    result: results.get(id)?.[0] ?? null,
  }))
}

/** The task of each result, and all of that task's runs. */
export async function relatedOfResults(ctx: Context, results: Objects): Promise<Objects> {
  const [tasks, runs] = await Promise.all([tasksBy(ctx, results), runsBy(ctx, results, 'task_id')])
  return results.map(({ task_id: id }) => ({
    task: tasks.get(id)?.[0] ?? null,
    task_runs: runs.get(id) ?? [],
  }))
}

async function tasksBy(ctx: Context, objects: Objects): Promise<Map<unknown, Objects>> {
  const tasks = await listTasksByIds(ctx.state.db, idsIn(objects, 'task_id'))
  const mayKnow = ctx.state.viewer?.isAdmin === true
  const shown = mayKnow ? tasks : tasks.map(withoutCalibration)
  return wiredBy('id', shown, TASK.names)
}

async function runsBy(ctx: Context, objects: Objects, key: string): Promise<Map<unknown, Objects>> {
  return wiredBy('task_id', await listRunsOfTasks(ctx.state.db, idsIn(objects, key)), TASK_RUN.names)
}

async function resultsBy(ctx: Context, objects: Objects, key: string): Promise<Map<unknown, Objects>> {
  return wiredBy('task_id', await listResultsOf(ctx.state.db, idsIn(objects, key)), RESULT.names)
}

function idsIn(objects: Objects, key: string): number[] {
  return [...new Set(objects.map((object) => Number(object[key])))]
}

/** Objects in the API's shape, by one of their attributes. */
function wiredBy(attribute: string, records: Objects, names: NameMap): Map<unknown, Objects> {
  if (records.length > RELATED_MAX)
    throw new ApiError('ValueError', `More than ${RELATED_MAX} related objects: ask for fewer by limit`)
  const wired = records.map((record) => toWire(record, names))
  return Map.groupBy(wired, (object) => object[attribute])
}
