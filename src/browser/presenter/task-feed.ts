import { isId, isObject } from '../../lib/bridge.ts'
import type { Json, JsonObject } from '../../lib/bridge.ts'
import type { BridgeClient, BridgeReply } from './bridge-end.ts'

/** A task as PyBossa's API shows it. */
export interface Task extends JsonObject {
  id: number
  info: Json
}

export interface TaskFeedOptions {
  /** A task that will be shown next is known: its media can be fetched. */
  onUpcoming?(task: Task): void
  /** The site cannot be reached (true) or can be reached again (false). */
  onOffline(isOffline: boolean): void
  /** False passes over a task named by the address that has all its answers already. */
  showsCompleted: boolean
  onCompletedSkipped?(): void
}

export interface TaskFeed {
  /**
   * The task to show now, at once when it was preloaded; undefined when nothing is left for this contributor.
   *
   * @throws FeedError when the site refuses to hand out tasks.
   */
  next(): Promise<Task | undefined>
  save(taskId: number, info: Json): Promise<BridgeReply>
  /** Gives the place of a task back; the site does not offer it to this contributor again for a while. */
  skip(taskId: number): Promise<void>
}

/** The site refuses; its reason may be shown, and may be missing. */
export class FeedError extends Error {
  readonly reason: string | undefined

  constructor(reason: string | undefined) {
    super(reason ?? 'The site refused to hand out a task')
    this.name = 'FeedError'
    this.reason = reason
  }
}

/** PyBossa's schedulers refuse a greater offset. */
const OFFSET_MAX = 2
const PAUSE_MS = 1_000
const PAUSE_MAX_MS = 15_000

/**
 * Hands out one task after the other, always with the next one under way while one is on the screen. The site counts
 * `offset` from the first task without an answer: 1 is the one after the task shown, and while answers still wait in
 * the browser the same tasks come again and a greater offset is asked for, as pybossa.js does.
 */
export function createTaskFeed(bridge: BridgeClient, options: TaskFeedOptions): TaskFeed {
  const newtaskPath = `/api/project/${bridge.init.project.id}/newtask`
  /** Shown on this page: never twice. */
  const known = new Set<number>()
  let upcoming: Promise<Task | undefined> | undefined
  let waiting = 0
  let sent = Promise.withResolvers<undefined>()

  bridge.onMessage((message) => {
    if (message.type !== 'state') return
    waiting = message.waiting
    sent.resolve(undefined)
    sent = Promise.withResolvers()
  })

  async function first(): Promise<Task | undefined> {
    const { taskId } = bridge.init
    if (taskId === null) return find(0)
    const { status, body } = await persistently(() => bridge.request('GET', `/api/task/${taskId}`))
    const task = status === 200 ? taskOf(body) : undefined
    if (!task) return find(0)
    if (options.showsCompleted || task['state'] !== 'completed') return task
    options.onCompletedSkipped?.()
    return find(0)
  }

  async function find(from: number): Promise<Task | undefined> {
    for (;;) {
      for (let offset = from; offset <= OFFSET_MAX; offset += 1) {
        const task = await ask(offset)
        if (!task || !known.has(task.id)) return task
      }
      if (waiting === 0) return undefined
      await sent.promise
    }
  }

  async function ask(offset: number): Promise<Task | undefined> {
    const { status, body } = await persistently(() =>
      bridge.request('GET', newtaskPath, { query: { offset: String(offset) } }),
    )
    if (status !== 200) throw new FeedError(textOf(body, 'exception_msg'))
    // A project that does not take this contributor answers with a task whose info holds the reason.
    const reason = isObject(body) && body['id'] === null ? textOf(body['info'] ?? null, 'error') : undefined
    if (reason !== undefined) throw new FeedError(reason)
    return taskOf(body)
  }

  async function persistently(request: () => Promise<BridgeReply>): Promise<BridgeReply> {
    for (let attempt = 0; ; attempt += 1) {
      const reply = await request()
      if (reply.status !== 0 && reply.status !== 429 && reply.status < 500) {
        if (attempt > 0) options.onOffline(false)
        return reply
      }
      options.onOffline(true)
      await pause(Math.min(PAUSE_MS * 2 ** attempt, PAUSE_MAX_MS))
    }
  }

  function preload(): void {
    const found = find(1)
    upcoming = found
    found.then(
      (task) => {
        if (task && upcoming === found) options.onUpcoming?.(task)
      },
      // Whoever asks for the next task is told.
      () => undefined,
    )
  }

  return {
    async next() {
      const isFirst = known.size === 0
      // What was given back or added meanwhile is only found by asking once more at the end.
      const task = isFirst ? await first() : ((await upcoming) ?? (await find(0)))
      upcoming = undefined
      if (!task) return undefined
      known.add(task.id)
      preload()
      return task
    },
    async save(taskId, info) {
      const body = { project_id: bridge.init.project.id, task_id: taskId, info }
      const reply = await bridge.request('POST', '/api/taskrun', { body })
      // Refused for another reason than that an answer is there: the task may come again.
      if (reply.status >= 400 && reply.status !== 401 && reply.status !== 403) known.delete(taskId)
      return reply
    },
    async skip(taskId) {
      await bridge.request('POST', `/api/project/${bridge.init.project.id}/skip`, {
        body: { task_id: taskId },
      })
    },
  }
}

function taskOf(body: Json): Task | undefined {
  return isObject(body) && isId(body['id']) ? (body as Task) : undefined
}

function textOf(body: Json, key: string): string | undefined {
  const text = isObject(body) ? body[key] : undefined
  return typeof text === 'string' ? text : undefined
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
