import { Router } from '@koa/router'
import { getProject } from '../../domain/projects/project-service.ts'
import { changeRules } from '../../domain/tasks/rule-service.ts'
import type { RuleChange } from '../../domain/tasks/rule-service.ts'
import type { RequestState } from '../../http/state.ts'
import { ApiError } from './errors.ts'
import { booleanOf, idOf, integerOf, numberOf, readObject, textOf } from './input.ts'
import type { Json, JsonObject } from '../../platform/schema.ts'

/**
 * POST /api/project/<id>/rules: changes the rules of many tasks at once, or says by `dry_run` what that would do.
 * `tasks` is a list of ids, or left out for all.
 */
export function ruleRoutes(): Router<RequestState> {
  const router = new Router<RequestState>()

  router.post('/project/:id/rules', async (ctx) => {
    const project = await getProject(ctx.state.db, ctx.state.viewer, idOf(ctx))
    const body = await readObject(ctx)
    const effect = await changeRules(
      ctx.state.db,
      ctx.state.viewer,
      project,
      idsOf(body['tasks'], 'tasks') ?? 'all',
      changeIn(body),
      { dryRun: booleanOf(body['dry_run'], 'dry_run') ?? false, caller: 'api' },
    )
    ctx.body = {
      tasks: effect.nTasks,
      closed: effect.nClosed,
      reopened: effect.nReopened,
      became_extra: effect.nBecameExtra,
      became_counted: effect.nBecameCounted,
      places_given_back: effect.nPlacesBack,
      withdrawn: effect.nWithdrawn,
    }
  })

  return router
}

/** The one rule that a body names by its key. */
function changeIn(body: JsonObject): RuleChange {
  const { tasks: _, dry_run: __, ...named } = body
  const [[key, value] = ['', null], ...more] = Object.entries(named)
  if (more.length > 0) throw new ApiError('BadRequest', 'One rule at a time')
  switch (key) {
    case 'n_answers':
      return { rule: 'redundancy', nAnswers: integerOf(value, key) ?? 0 }
    case 'priority_0':
      return { rule: 'priority', priority: numberOf(value, key) ?? -1 }
    case 'calibration':
      return { rule: 'calibration', calibration: integerOf(value, key) ?? -1 }
    case 'state':
      return { rule: 'state', state: stateOf(textOf(value, key)) }
    case 'withdraw_task_runs':
      return { rule: 'withdraw-runs', runIds: idsOf(value, key) ?? [] }
    default:
      throw new ApiError(
        'BadRequest',
        'Name one rule: n_answers, priority_0, calibration, state or withdraw_task_runs',
      )
  }
}

function stateOf(text: string | undefined): 'completed' | 'ongoing' {
  if (text !== 'completed' && text !== 'ongoing')
    throw new ApiError('DataError', 'invalid input for state: completed or ongoing is wanted')
  return text
}

function idsOf(value: Json | undefined, name: string): number[] | undefined {
  if (value === undefined || value === null) return undefined
  if (!Array.isArray(value))
    throw new ApiError('DataError', `invalid input for ${name}: a list of ids is wanted`)
  return value.map((id) => integerOf(id, name) ?? 0)
}
