import type { AllowedCall, TaskRunBody } from '../../lib/bridge-allow-list.ts'
import { isObject } from '../../lib/bridge.ts'
import type { BridgeProject, Json } from '../../lib/bridge.ts'
import type { Reply } from './run-queue.ts'

/** So long a call may take before it counts as failed; a task run is safe to send again. */
const TIMEOUT_MS = 30_000
/** Browsers refuse larger bodies for requests that outlive their page. */
const KEEPALIVE_CHARS_MAX = 20_000

type ReadCall = Exclude<AllowedCall, { kind: 'taskrun' }>

/**
 * Carries out what a presenter may ask, at the site's API. Never rejects.
 *
 * @param contributor the site refuses the call when it comes from somebody else; empty where it cannot know.
 */
export async function callApi(project: BridgeProject, contributor: string, call: ReadCall): Promise<Reply> {
  const init = call.kind === 'skip' ? jsonInit({ task_id: call.taskId }) : {}
  const reply = await apiFetch(apiPath(project, call), contributor, init)
  const isNamed = call.kind === 'task' || call.kind === 'record'
  return isNamed && reply.status === 200 && !isOf(project, reply.body) ? notFound() : reply
}

/** Tells the site that tasks are still before somebody's eyes, or no longer. Never rejects. */
export function postLease(
  project: BridgeProject,
  contributor: string,
  action: 'renew' | 'leave',
  taskIds: number[],
): Promise<Reply> {
  return apiFetch(`/api/project/${project.id}/${action}`, contributor, jsonInit({ task_ids: taskIds }))
}

/** Requests one task anew, as opening it by its address does. Never rejects. */
export function requestTask(project: BridgeProject, contributor: string, taskId: number): Promise<Reply> {
  return apiFetch(`/api/project/${project.id}/request`, contributor, jsonInit({ task_id: taskId }))
}

/** Takes the contributor's last task run back. Never rejects. */
export function postUndo(project: BridgeProject, contributor: string, taskRunId: number): Promise<Reply> {
  return apiFetch(`/api/project/${project.id}/undo`, contributor, jsonInit({ task_run_id: taskRunId }))
}

/**
 * Posts one task run. Never rejects.
 *
 * @param more.nextOffset asks for the next task besides, so far ahead.
 */
export function postTaskRun(
  body: TaskRunBody,
  contributor: string,
  idempotencyKey: string,
  more: { presenterVersion: string | undefined; nextOffset: number | undefined },
): Promise<Reply> {
  const { presenterVersion, nextOffset } = more
  const text = JSON.stringify(body)
  const query = nextOffset === undefined ? '' : `?next=1&offset=${nextOffset}`
  return apiFetch(`/api/taskrun${query}`, contributor, {
    method: 'POST',
    body: text,
    keepalive: text.length < KEEPALIVE_CHARS_MAX,
    headers: {
      'content-type': 'application/json',
      'idempotency-key': idempotencyKey,
      ...(presenterVersion === undefined ? {} : { 'x-presenter-version': presenterVersion }),
    },
  })
}

function apiPath(project: BridgeProject, call: ReadCall): string {
  const ofProject = `/api/project/${project.id}`
  switch (call.kind) {
    case 'newtask':
      return `${ofProject}/newtask?${new URLSearchParams(call.query).toString()}`
    case 'userprogress':
      return `${ofProject}/userprogress`
    case 'project':
      return ofProject
    case 'project-list':
      return `/api/project?${new URLSearchParams({ all: '1', short_name: project.short_name }).toString()}`
    case 'task':
      return `/api/task/${call.taskId}`
    case 'list': {
      // Without `all` a list holds rows of the reader's own projects only.
      const query = { ...call.query, project_id: String(project.id), all: '1' }
      return `/api/${call.noun}?${new URLSearchParams(query).toString()}`
    }
    case 'record':
      return `/api/${call.noun}/${call.recordId}`
    case 'skip':
      return `${ofProject}/skip`
  }
}

function jsonInit(body: Json) {
  const headers = { 'content-type': 'application/json' }
  return { method: 'POST', headers, body: JSON.stringify(body), keepalive: true }
}

async function apiFetch(
  path: string,
  contributor: string,
  init: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> },
): Promise<Reply> {
  try {
    const response = await fetch(path, {
      ...init,
      headers: { accept: 'application/json', 'x-contributor': contributor, ...init.headers },
      credentials: 'same-origin',
      cache: 'no-store',
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const text = await response.text()
    const retryAfter = Number(response.headers.get('retry-after'))
    return {
      status: response.status,
      body: jsonOrNull(text),
      ...(retryAfter > 0 ? { retryAfterMs: retryAfter * 1000 } : {}),
    }
  } catch {
    return { status: 0, body: null }
  }
}

/** A proxy's error page is no JSON; its status says enough. */
function jsonOrNull(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return null
  }
}

function isOf(project: BridgeProject, task: Json): boolean {
  return isObject(task) && task['project_id'] === project.id
}

function notFound(): Reply {
  return refusal(404, 'NotFound', 'This project has nothing under that number.')
}

/** A refusal in the shape of the API's errors, for what the host does not forward. */
export function refusal(status: number, cls: string, message: string): Reply {
  const body = {
    action: 'GET',
    status: 'failed',
    status_code: status,
    target: 'bridge',
    exception_cls: cls,
    exception_msg: message,
  }
  return { status, body }
}

/** The sentence of an API error, if it has one. */
export function reasonOf(body: Json): string | undefined {
  const message = isObject(body) ? body['exception_msg'] : undefined
  return typeof message === 'string' && message !== '' ? message : undefined
}
