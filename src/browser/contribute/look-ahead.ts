import type { AllowedCall } from '../../lib/bridge-allow-list.ts'
import { isObject } from '../../lib/bridge.ts'
import type { Json } from '../../lib/bridge.ts'

/** The next task that came with a task run, kept for the presenter's own request: it costs no round trip then. */
export interface LookAhead {
  /** How far the presenter looks ahead, hence what to ask for with a task run; undefined as long as it never asked. */
  offset(): number | undefined
  /** Takes `next` out of the site's answer to a task run, which is what the presenter gets. */
  keep(body: Json, offset: number): Json
  /** The kept task when it is what this request would get; it is given once, and gone after any other request. */
  take(call: AllowedCall): Json | undefined
}

export function createLookAhead(): LookAhead {
  let wanted: number | undefined
  let kept: { task: Json; offset: number } | undefined

  return {
    offset: () => wanted,
    keep(body, offset) {
      if (!isObject(body) || body['next'] === undefined) return body
      const { next, ...stored } = body
      kept = { task: next, offset }
      return stored
    },
    take(call) {
      if (call.kind === 'skip') kept = undefined
      if (call.kind !== 'newtask') return undefined
      const offset = Number(call.query['offset'] ?? 0)
      const isSingle = (call.query['limit'] ?? '1') === '1'
      const found = isSingle && kept?.offset === offset ? kept.task : undefined
      kept = undefined
      wanted = isSingle ? offset : undefined
      return found
    },
  }
}
