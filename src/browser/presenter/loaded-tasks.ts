import { isId } from '../../lib/bridge.ts'
import { PRESENTER_STRINGS, withTranslation } from '../../lib/contribute-strings.ts'
import type { PresenterStrings } from '../../lib/contribute-strings.ts'
import type { BridgeClient } from './bridge-end.ts'
import { createDeferred } from './deferred.ts'
import type { Deferred } from './deferred.ts'
import { createTaskFeed } from './task-feed.ts'
import type { Task } from './task-feed.ts'

/** A task as presenters see it: `{}` when nothing is left, and theirs to change. */
export type PresentedTask = Partial<Task>
export type Hook = (task: PresentedTask, deferred: Deferred<PresentedTask>) => void

export interface LoadedTask {
  /** Undefined when nothing is left. What the presenter made of the task may have none, or another. */
  id: number | undefined
  /** What the presenter's loading step gave. */
  task: PresentedTask
  /** Settles when somebody skips it. */
  skipped: Promise<undefined>
}

/** A picture may take its time; after that it rather does not come. */
const LOADING_MS = 15_000

/** The feed with the presenter's own loading step, which runs for the next task while one is on the screen. */
export function loadedTasks(bridge: BridgeClient, load: Hook) {
  const loading = new Map<number, PromiseLike<PresentedTask>>()
  let current: { id: number; skip: (value: undefined) => void } | undefined
  const feed = createTaskFeed(bridge, {
    showsCompleted: true,
    onUpcoming(task) {
      loading.set(task.id, loaded(task))
    },
    onOffline(isOffline) {
      notify(bridge, 'offline', isOffline)
    },
  })
  bridge.onMessage((message) => {
    if (message.type !== 'skip' || !current) return
    void feed.skip(current.id)
    current.skip(undefined)
    current = undefined
  })

  function loaded(task: PresentedTask): PromiseLike<PresentedTask> {
    const deferred = createDeferred<PresentedTask>()
    attempt(load, task, deferred)
    return deferred
  }

  /** @returns undefined when it was skipped before the presenter had loaded it. */
  async function ready(task: Task): Promise<LoadedTask | undefined> {
    const { id } = task
    const { promise: skipped, resolve: skip } = Promise.withResolvers<undefined>()
    current = { id, skip }
    const loadedTask = loading.get(id) ?? loaded(task)
    loading.delete(id)
    const slow = { isTold: false }
    const timer = setTimeout(() => {
      slow.isTold = true
      tellShown(bridge, { id })
      notify(bridge, 'slow', true)
    }, LOADING_MS)
    try {
      return await Promise.race([loadedTask.then((given) => ({ id, task: given, skipped })), skipped])
    } finally {
      clearTimeout(timer)
      if (slow.isTold) notify(bridge, 'slow', false)
    }
  }

  return {
    async next(): Promise<LoadedTask> {
      for (;;) {
        const task = await feed.next()
        if (!task) {
          // Said at once, since some presenters are never ready for the end.
          tellShown(bridge, {})
          return { id: undefined, task: await loaded({}), skipped: new Promise(() => undefined) }
        }
        const found = await ready(task)
        if (found) return found
      }
    },
  }
}

/**
 * Runs a hook of the presenter. One that throws has often begun what resolves it all the same, a picture's loading say,
 * and jQuery does not stop for it either.
 *
 * @returns whether it ran through
 */
export function attempt(hook: Hook, task: PresentedTask, deferred: Deferred<PresentedTask>): boolean {
  try {
    hook(task, deferred)
    return true
  } catch (error) {
    reportError(error)
    return false
  }
}

/** The page around the frame follows: its address, and its end. */
export function tellShown(bridge: BridgeClient, { id }: PresentedTask): void {
  bridge.send(isId(id) ? { type: 'taskShown', id } : { type: 'finished' })
}

/** Shows a sentence on the page around the frame, or takes it away again. */
export function notify(bridge: BridgeClient, key: keyof PresenterStrings, show: boolean): void {
  const text = withTranslation(PRESENTER_STRINGS, bridge.init.strings)[key]
  bridge.send({ type: 'notify', text, notice: 'warning', show })
}
