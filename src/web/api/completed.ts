import { listDoneTaskRuns } from '../../domain/task-runs/task-run-service.ts'
import { listDoneTasks } from '../../domain/tasks/task-service.ts'
import type { App } from '../../platform/app.ts'
import { TASK, TASK_RUN } from './nouns.ts'
import type { Operation } from './operation.ts'
import { resource } from './resource.ts'
import { finishTimes, refuseUnbounded } from './task-run.ts'

/** What is done of the caller's projects, as a fork of PyBossa lists it. */
const COMPLETED_TASK = { ...TASK, path: 'completedtask', isUnlinked: true } as const
const COMPLETED_TASK_RUN = { ...TASK_RUN, path: 'completedtaskrun', isUnlinked: true } as const

/** /api/completedtask and /api/completedtaskrun: for owners, also those who did not create the project. */
export function completedOperations(app: App): Operation[] {
  return [
    ...resource(app, COMPLETED_TASK, {
      list: (ctx, query) => listDoneTasks(ctx.state.db, ctx.state.viewer, query),
    }),
    ...resource(app, COMPLETED_TASK_RUN, {
      list(ctx, query) {
        refuseUnbounded(query)
        return listDoneTaskRuns(ctx.state.db, ctx.state.viewer, { ...query, ranges: finishTimes(ctx) })
      },
    }),
  ]
}
