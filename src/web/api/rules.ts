import { z } from 'zod'
import { getProject } from '../../domain/projects/project-service.ts'
import { changeRules } from '../../domain/tasks/rule-service.ts'
import type { RuleChange } from '../../domain/tasks/rule-service.ts'
import type { App } from '../../platform/app.ts'
import { ApiError } from './errors.ts'
import { idOf } from './input.ts'
import { readAs } from './noun.ts'
import type { Operation } from './operation.ts'
import { boolean, integer, integers, number } from './values.ts'

const RULES = {
  n_answers: integer,
  priority_0: number,
  calibration: integer,
  state: z.enum(['completed', 'ongoing'], 'completed or ongoing is wanted'),
  withdraw_task_runs: integers,
}

const Rule = z.strictObject(RULES).partial()

/** As many as runs can be withdrawn at once. */
const TASKS_MAX = 100_000

const Change = z.strictObject({
  tasks: integers
    .max(TASKS_MAX, `a list of at most ${TASKS_MAX} ids is wanted`)
    .nullish()
    .meta({ description: 'Ids; all tasks of the project when left out.' }),
  dry_run: boolean.nullish().meta({ description: 'Only says what the change would do.' }),
  ...Rule.shape,
})

const Effect = z.strictObject({
  queued: z.boolean(),
  tasks: z.int(),
  closed: z.int(),
  reopened: z.int(),
  became_extra: z.int(),
  became_counted: z.int(),
  places_given_back: z.int(),
  withdrawn: z.int(),
})

/**
 * POST /api/project/<id>/rules: changes the rules of many tasks at once, or says by `dry_run` what that would do. A
 * worker makes a very large change: then the reply is 202, with what the change would do.
 */
export function ruleOperations(app: Pick<App, 'queue'>): Operation[] {
  return [
    {
      method: 'post',
      path: '/project/:id/rules',
      summary: 'Change one rule of many tasks at once, or say what that would do',
      body: Change,
      shown: Effect,
      mayQueue: true,
      async handle(ctx) {
        const { db, viewer } = ctx.state
        const project = await getProject(db, viewer, idOf(ctx))
        const { tasks, dry_run: dryRun, ...named } = await readAs(ctx, Change)
        const options = { dryRun: dryRun ?? false, caller: 'api' } as const
        const effect = await changeRules(app, db, viewer, project, tasks ?? 'all', changeIn(named), options)
        if (effect.isQueued) ctx.status = 202
        ctx.body = {
          queued: effect.isQueued,
          tasks: effect.nTasks,
          closed: effect.nClosed,
          reopened: effect.nReopened,
          became_extra: effect.nBecameExtra,
          became_counted: effect.nBecameCounted,
          places_given_back: effect.nPlacesBack,
          withdrawn: effect.nWithdrawn,
        }
      },
    },
  ]
}

/** The one rule that a body names by its key. */
function changeIn(named: z.output<typeof Rule>): RuleChange {
  if (Object.keys(named).length > 1) throw new ApiError('BadRequest', 'One rule at a time')
  const { n_answers: nAnswers, priority_0: priority, calibration, state, withdraw_task_runs: runIds } = named
  if (nAnswers !== undefined) return { rule: 'redundancy', nAnswers }
  if (priority !== undefined) return { rule: 'priority', priority }
  if (calibration !== undefined) return { rule: 'calibration', calibration }
  if (state !== undefined) return { rule: 'state', state }
  if (runIds !== undefined) return { rule: 'withdraw-runs', runIds }
  throw new ApiError('BadRequest', `Name one rule: ${Object.keys(RULES).join(', ')}`)
}
