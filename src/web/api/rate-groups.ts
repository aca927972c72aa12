import type { Context } from '../../http/state.ts'
import type { App } from '../../platform/app.ts'
import { partsOf } from './address.ts'
import type { Operation } from './operation.ts'

/** Addresses that nothing serves share a counter too. */
const OTHER = 'other'
/** Contributors ask these much more often than anything else of a project. */
const OWN_COUNTER = new Set(['newtask', 'userprogress', 'skip'])

/**
 * Which requests share a counter: collection and item of a noun do, whatever the method; so do all projects' newtask,
 * and all userprogress.
 *
 * @throws Error when `RATE_LIMIT` names a group that is none.
 */
export function rateGroups(
  app: Pick<App, 'config'>,
  operations: readonly Operation[],
): (ctx: Context) => string {
  const names = new Set([...operations.map(({ path }) => groupOf(`/api${path}`)), 'index'])
  const allowed = new Set([...names, OTHER, 'devices'])
  for (const name of app.config.rateLimit?.groups.keys() ?? []) {
    if (allowed.has(name)) continue
    throw new Error(`RATE_LIMIT: there is no group ${name}, only ${[...allowed].sort().join(', ')}`)
  }
  return (ctx) => {
    const group = groupOf(ctx.path)
    return names.has(group) ? group : OTHER
  }
}

function groupOf(path: string): string {
  const { noun = 'index', action = '' } = partsOf(path)
  return OWN_COUNTER.has(action) ? action : noun
}
