import { isObject } from '../../lib/bridge.ts'
import type { Json } from '../../lib/bridge.ts'
import { PRESENTER_STRINGS, filled, withTranslation } from '../../lib/contribute-strings.ts'
import type { BridgeClient, BridgeReply } from './bridge-end.ts'
import { chained, createDeferred } from './deferred.ts'
import type { ChainedPromise } from './deferred.ts'
import { attempt, loadedTasks, notify, tellShown } from './loaded-tasks.ts'
import type { Hook, LoadedTask, PresentedTask } from './loaded-tasks.ts'
import { FeedError } from './task-feed.ts'

/** The global that PyBossa's presenters use, after the public interface of pybossa.js. */
export interface Pybossa {
  /** @param win gives the path that may name the task to begin with, in place of the window's. */
  run(shortName: string, win?: { location: { pathname: string } }): void
  taskLoaded(hook: Hook): void
  presentTask(hook: Hook): void
  newTask(shortName: string): ChainedPromise<{ question: string; task: PresentedTask }>
  saveTask(task: number | string | PresentedTask, info: Json): ChainedPromise<Json>
  userProgress(shortName: string): ChainedPromise<Json>
  getCurrentTaskId(url?: string): string | false
  setEndpoint(url: string): string
}

/**
 * A `pybossa` object over the bridge. It exists before the presenter's first script runs; what it promises waits for
 * the host. The short names that presenters pass are not used: a copied presenter often still names its origin.
 */
export function createPybossa(connected: Promise<BridgeClient>): Pybossa {
  let load: Hook = (task, deferred) => {
    deferred.resolve(task)
  }
  let present: Hook = load
  let currentTaskId: number | null = null
  let isRunning = false
  void connected.then(({ init }) => {
    currentTaskId ??= init.taskId
  })

  async function run(firstTaskId: number | undefined): Promise<void> {
    const connectedBridge = await connected
    const bridge = firstTaskId === undefined ? connectedBridge : openedAt(connectedBridge, firstTaskId)
    const tasks = loadedTasks(bridge, (task, deferred) => {
      load(task, deferred)
    })
    for (;;) {
      const next = await tasks.next()
      currentTaskId = next.id ?? null
      await presented(bridge, next)
      if (next.id === undefined) return
    }
  }

  /** Waits until the presenter is done with it, or somebody skips it. */
  async function presented(bridge: BridgeClient, { id, task, skipped }: LoadedTask): Promise<void> {
    const shown = createDeferred<PresentedTask>()
    if (id !== undefined) tellShown(bridge, { id })
    const isFaulty = !attempt(present, task, shown)
    if (id === undefined) return
    if (isFaulty) notify(bridge, 'faulty', true)
    await Promise.race([shown, skipped])
    if (isFaulty) notify(bridge, 'faulty', false)
  }

  return {
    run(_shortName, win) {
      isRunning = true
      run(Number(win && taskIdIn(win.location.pathname)) || undefined).catch((error: unknown) => {
        void connected.then((bridge) => {
          tellFailure(bridge, error)
        })
      })
    },
    taskLoaded(hook) {
      load = hook
    },
    presentTask(hook) {
      present = hook
    },
    newTask() {
      return chained(
        connected.then(async (bridge) => {
          const next = await newTask(bridge)
          if (!isRunning) tellShown(bridge, next.task)
          return next
        }),
      )
    },
    saveTask(task, info) {
      const taskId = typeof task === 'object' ? task.id : Number(task)
      if (typeof task === 'object') Object.assign(task, { answer: info })
      return chained(connected.then((bridge) => saveTask(bridge, taskId, info)))
    },
    userProgress() {
      return chained(
        connected.then((bridge) =>
          called(bridge.request('GET', `/api/project/${bridge.init.project.id}/userprogress`)),
        ),
      )
    },
    getCurrentTaskId(url) {
      if (url === undefined) return currentTaskId === null ? false : String(currentTaskId)
      return taskIdIn(url)
    },
    setEndpoint(url) {
      // The bridge knows its site; presenters only want the address back.
      return url.endsWith('/') ? url : `${url}/`
    },
  }
}

function openedAt(bridge: BridgeClient, taskId: number): BridgeClient {
  return { ...bridge, init: { ...bridge.init, taskId } }
}

function taskIdIn(url: string): string | false {
  const segments = url.split(/[?#]/)[0]?.split('/') ?? []
  const at = segments.indexOf('task')
  return at === -1 ? false : (segments[at + 1] ?? false)
}

async function newTask(bridge: BridgeClient): Promise<{ question: string; task: PresentedTask }> {
  const { project } = bridge.init
  const task = await called(
    bridge.request('GET', `/api/project/${project.id}/newtask`, { query: { offset: '0' } }),
  )
  return { question: project.description, task: isObject(task) ? task : {} }
}

function saveTask(bridge: BridgeClient, taskId: number | undefined, info: Json): Promise<Json> {
  const body = { project_id: bridge.init.project.id, task_id: taskId ?? null, info }
  return called(bridge.request('POST', '/api/taskrun', { body }))
}

/** @throws an object like jQuery's failed request: presenters read `status` (403: already answered) from it. */
async function called(request: Promise<BridgeReply>): Promise<Json> {
  const { status, body } = await request
  if (status >= 200 && status < 300) return body
  throw Object.assign(new Error(`The site answered ${status}`), {
    status,
    responseText: JSON.stringify(body),
    responseJSON: body,
  })
}

function tellFailure(bridge: BridgeClient, error: unknown): void {
  const strings = withTranslation(PRESENTER_STRINGS, bridge.init.strings)
  const reason = error instanceof FeedError ? error.reason : undefined
  if (!(error instanceof FeedError)) reportError(error)
  const text = filled(strings.refused, { reason: reason ?? strings.refusedUnknown })
  bridge.send({ type: 'notify', text, notice: 'error', show: true })
}
