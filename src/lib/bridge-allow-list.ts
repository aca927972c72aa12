import { isId, isObject } from './bridge.ts'
import type { BridgeRequest, Json } from './bridge.ts'

/** The project whose presenter is on the page: a frame can reach nothing else. */
export interface BridgeScope {
  projectId: number
  shortName: string
}

/** One answer to one task, as PyBossa's API takes it. */
export interface TaskRunBody {
  project_id: number
  task_id: number
  info: Json
}

/** A request that the host carries out. It holds values, never the address a frame wrote. */
export type AllowedCall =
  | { kind: 'newtask'; query: Record<string, string> }
  | { kind: 'userprogress' }
  /** `GET /api/project?short_name=`: a list of one. */
  | { kind: 'project-list' }
  | { kind: 'project' }
  | { kind: 'task'; taskId: number }
  | { kind: 'taskrun'; body: TaskRunBody }
  | { kind: 'skip'; taskId: number }

/** Query names of newtask that are passed on; the rest (jQuery's `_` among them) is dropped. */
const NEWTASK_QUERY = ['offset', 'limit', 'orderby', 'desc']

/**
 * What a frame's request means, or undefined when it is not on the list: only this project, only what presenting and
 * answering need. The project id of a task run is the page's own, whatever the frame wrote.
 */
export function allowedCall(request: BridgeRequest, scope: BridgeScope): AllowedCall | undefined {
  const [, root, noun, id, action, ...more] = request.path.split('/')
  if (root !== 'api' || more.length > 0) return undefined
  if (request.method === 'POST') return allowedPost(request, scope, { noun, id, action })
  if (noun === 'project') return allowedProjectRead(request, scope, { id, action })
  const taskId = noun === 'task' && action === undefined ? wholeNumber(id) : undefined
  return taskId === undefined ? undefined : { kind: 'task', taskId }
}

interface PathEnd {
  noun?: string | undefined
  id: string | undefined
  action: string | undefined
}

function allowedPost({ body }: BridgeRequest, scope: BridgeScope, path: PathEnd): AllowedCall | undefined {
  const taskId = isObject(body) ? wholeNumber(body['task_id']) : undefined
  if (!isObject(body) || taskId === undefined) return undefined
  if (path.noun === 'taskrun' && path.id === undefined) {
    return {
      kind: 'taskrun',
      body: { project_id: scope.projectId, task_id: taskId, info: body['info'] ?? null },
    }
  }
  const isSkip = path.noun === 'project' && path.id === String(scope.projectId) && path.action === 'skip'
  return isSkip ? { kind: 'skip', taskId } : undefined
}

function allowedProjectRead(
  { query }: BridgeRequest,
  scope: BridgeScope,
  path: PathEnd,
): AllowedCall | undefined {
  const isThisId = path.id === String(scope.projectId)
  if (path.id === undefined)
    return query['short_name'] === scope.shortName ? { kind: 'project-list' } : undefined
  if (path.action === undefined) return isThisId ? { kind: 'project' } : undefined
  if (path.action === 'newtask' && isThisId) return { kind: 'newtask', query: newtaskQuery(query) }
  const isThis = isThisId || path.id === scope.shortName
  return path.action === 'userprogress' && isThis ? { kind: 'userprogress' } : undefined
}

function newtaskQuery(query: Record<string, string>): Record<string, string> {
  const names = NEWTASK_QUERY.filter((name) => query[name] !== undefined)
  return Object.fromEntries(names.map((name) => [name, (query[name] ?? '').slice(0, 40)]))
}

/** Presenters in the wild pass ids as texts read from the page; anything but digits is refused. */
function wholeNumber(value: Json | undefined): number | undefined {
  const number = typeof value === 'string' && /^[0-9]{1,16}$/.test(value) ? Number(value) : value
  return isId(number) ? number : undefined
}
