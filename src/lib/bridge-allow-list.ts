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
  /** Rows of this project; the query names no other. */
  | { kind: 'list'; noun: ListedNoun; query: Record<string, string> }
  | { kind: 'record'; noun: ListedNoun; recordId: number }
  | { kind: 'taskrun'; body: TaskRunBody }
  | { kind: 'skip'; taskId: number }

/** What presenters, tutorials and pages of results read besides the task on the screen. */
const LISTED_NOUNS = ['task', 'taskrun', 'result', 'helpingmaterial'] as const
export type ListedNoun = (typeof LISTED_NOUNS)[number]

/** Query names of a list that the host decides, or that mean nothing there. */
const LIST_QUERY_LEFT_OUT = new Set(['_', 'all', 'api_key', 'callback', 'app_id', 'project_id'])
const QUERY_NAMES_MAX = 20
const QUERY_CHARS_MAX = 1_000

/** Query names of newtask that are passed on; the rest (jQuery's `_` among them) is dropped. */
const NEWTASK_QUERY = ['offset', 'limit', 'orderby', 'desc']

/**
 * What a frame's request means, or undefined when it is not on the list: only this project, only what presenting and
 * answering need. The project id of a task run is the page's own, whatever the frame wrote. Before PyBossa 1.0 projects
 * were apps, and presenters of that time still say so.
 */
export function allowedCall(request: BridgeRequest, scope: BridgeScope): AllowedCall | undefined {
  const [, root, written, id, action, ...more] = request.path.split('/')
  if (root !== 'api' || more.length > 0) return undefined
  const noun = written === 'app' ? 'project' : written
  if (request.method === 'POST') return allowedPost(request, scope, { noun, id, action })
  if (noun === 'project') return allowedProjectRead(request, scope, { id, action })
  const listed = LISTED_NOUNS.find((known) => known === noun)
  return listed && action === undefined ? allowedRead(request, scope, listed, id) : undefined
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

function allowedRead(
  { query }: BridgeRequest,
  { projectId }: BridgeScope,
  noun: ListedNoun,
  id: string | undefined,
): AllowedCall | undefined {
  if (id === undefined) {
    const asked = query['project_id'] ?? query['app_id'] ?? String(projectId)
    return asked === String(projectId) ? { kind: 'list', noun, query: listQuery(query) } : undefined
  }
  const recordId = wholeNumber(id)
  if (recordId === undefined) return undefined
  return noun === 'task' ? { kind: 'task', taskId: recordId } : { kind: 'record', noun, recordId }
}

function listQuery(query: Record<string, string>): Record<string, string> {
  const passed = Object.entries(query).filter(([name]) => !LIST_QUERY_LEFT_OUT.has(name))
  return Object.fromEntries(
    passed.slice(0, QUERY_NAMES_MAX).map(([name, value]) => [name, value.slice(0, QUERY_CHARS_MAX)]),
  )
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
