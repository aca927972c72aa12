import type { TaskRunBody } from '../../lib/bridge-allow-list.ts'
import { isId, isObject } from '../../lib/bridge.ts'
import type { Json } from '../../lib/bridge.ts'

/** What the API said; status 0 when it could not be reached. */
export interface Reply {
  status: number
  body: Json
  /** How long the server asked us to wait. */
  retryAfterMs?: number
}

export interface QueueState {
  /** On the way right now. */
  saving: number
  /** Kept in the browser until the site can be reached. */
  waiting: number
  /** Acknowledged since the page was opened. */
  saved: number
}

/** The part of localStorage that is used. */
export interface EntryStorage {
  readonly length: number
  key(index: number): string | null
  getItem(name: string): string | null
  setItem(name: string, value: string): void
  removeItem(name: string): void
}

export interface RunQueueOptions {
  /** Posts one task run with its idempotency key. Never rejects. */
  post(body: TaskRunBody, idempotencyKey: string): Promise<Reply>
  /** Undefined where the browser offers none: the queue then lives as long as the page. */
  storage: EntryStorage | undefined
  /** Begins the storage name of every entry; the same for one contributor and project only. */
  name: string
  onChange(state: QueueState): void
  /** The site will never take this task run. */
  onRefused(reply: Reply, isFromEarlier: boolean): void
  /** First pause before trying again (milliseconds); it doubles up to `pauseMaxMs`. */
  pauseMs?: number
  pauseMaxMs?: number
}

export interface RunQueue {
  /**
   * Keeps a task run and posts it. Resolves with the site's answer, or with 202 when it waits to be sent. A second
   * task run for a task whose first is still kept gets the outcome of the first.
   */
  submit(body: TaskRunBody): Promise<Reply>
  /** Resolves when nothing is on its way; what waits does not count. */
  settled(): Promise<void>
  /** Tries what waits at once: the connection is back. */
  retryNow(): void
  state(): QueueState
}

interface Entry {
  key: string
  body: TaskRunBody
  isFromEarlier: boolean
  isWaiting: boolean
  outcome: Promise<Reply>
}

const PAUSE_MS = 1_000
const PAUSE_MAX_MS = 60_000

/**
 * The queue of task runs between the presenter and the site. Each entry is stored under a name of its own before it is
 * posted, so neither a crash nor another tab loses one; sent twice it has the same idempotency key and counts once.
 */
export function createRunQueue(options: RunQueueOptions): RunQueue {
  const { post, storage, name, onChange, onRefused, pauseMs = PAUSE_MS, pauseMaxMs = PAUSE_MAX_MS } = options
  const entries = new Map<string, Entry>()
  const onTheWay = new Set<Promise<Reply>>()
  let saved = 0
  let failures = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let isDraining = false

  for (const [key, body] of storedEntries(storage, name)) {
    const kept: Reply = { status: 202, body: keptBody(body) }
    entries.set(key, { key, body, isFromEarlier: true, isWaiting: true, outcome: Promise.resolve(kept) })
  }
  // Not before the caller holds the queue it is told about.
  queueMicrotask(retryNow)

  function state(): QueueState {
    const waiting = waitingEntries().length
    return { saving: entries.size - waiting, waiting, saved }
  }

  function submit(body: TaskRunBody): Promise<Reply> {
    const first = [...entries.values()].find((entry) => entry.body.task_id === body.task_id)
    if (first) return first.outcome
    const key = randomKey()
    remember(storage, name + key, body)
    const entry = { key, body, isFromEarlier: false, isWaiting: false } as Entry
    entries.set(key, entry)
    entry.outcome = send(entry)
    return entry.outcome
  }

  function send(entry: Entry): Promise<Reply> {
    entry.isWaiting = false
    onChange(state())
    const outcome = post(entry.body, entry.key).then((reply) => received(entry, reply))
    onTheWay.add(outcome)
    return outcome.finally(() => onTheWay.delete(outcome))
  }

  function received(entry: Entry, reply: Reply): Reply {
    if (mayWorkLater(reply.status)) {
      entry.isWaiting = true
      retryLater(reply.retryAfterMs)
      onChange(state())
      return reply.status === 401 ? reply : { status: 202, body: keptBody(entry.body) }
    }
    failures = 0
    entries.delete(entry.key)
    forget(storage, name + entry.key)
    const isSaved = reply.status >= 200 && reply.status < 300
    if (isSaved) saved += 1
    onChange(state())
    if (!isSaved) onRefused(reply, entry.isFromEarlier)
    retryNow()
    return reply
  }

  function retryLater(retryAfterMs: number | undefined): void {
    if (timer !== undefined) return
    const pause = Math.min(pauseMs * 2 ** failures, pauseMaxMs)
    failures = Math.min(failures + 1, 20)
    // Spread out: after an outage the whole crowd is waiting.
    const spread = pause * (0.75 + Math.random() / 2)
    timer = setTimeout(() => void drain(), Math.max(spread, Math.min(retryAfterMs ?? 0, pauseMaxMs)))
  }

  function retryNow(): void {
    if (state().waiting > 0) void drain()
  }

  /** One after the other, oldest first; the first failure ends the round and the back-off begins the next. */
  async function drain(): Promise<void> {
    if (isDraining) return
    isDraining = true
    clearTimeout(timer)
    timer = undefined
    for (const entry of waitingEntries()) {
      await send(entry)
      if (entry.isWaiting) break
    }
    isDraining = false
    // One that failed meanwhile may have found the timer taken.
    if (state().waiting > 0) retryLater(undefined)
  }

  function waitingEntries(): Entry[] {
    return [...entries.values()].filter((entry) => entry.isWaiting)
  }

  return {
    submit,
    state,
    retryNow,
    async settled() {
      await Promise.allSettled([...onTheWay])
    },
  }
}

/** 401: the session ended, and the entry is sent when this contributor is back. */
function mayWorkLater(status: number): boolean {
  return status === 0 || status === 401 || status === 408 || status === 425 || status === 429 || status >= 500
}

/** What a presenter gets for a task run that is kept: the shape of a stored one, without an id. */
function keptBody(body: TaskRunBody): Json {
  return { id: null, ...body }
}

function* storedEntries(storage: EntryStorage | undefined, name: string): Generator<[string, TaskRunBody]> {
  if (!storage) return
  const names = Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? '')
  for (const full of names.filter((candidate) => candidate.startsWith(name)).sort()) {
    const body = storedBody(storage.getItem(full))
    if (body) yield [full.slice(name.length), body]
  }
}

function storedBody(text: string | null): TaskRunBody | undefined {
  try {
    const value = JSON.parse(text ?? 'null') as Json
    if (!isObject(value) || !isId(value['project_id']) || !isId(value['task_id'])) return undefined
    return { project_id: value['project_id'], task_id: value['task_id'], info: value['info'] ?? null }
  } catch {
    return undefined
  }
}

function remember(storage: EntryStorage | undefined, name: string, body: TaskRunBody): void {
  try {
    storage?.setItem(name, JSON.stringify(body))
  } catch {
    // Full or forbidden: the page itself keeps the entry, and leaving asks first.
  }
}

function forget(storage: EntryStorage | undefined, name: string): void {
  try {
    storage?.removeItem(name)
  } catch {
    // Sent again from there, it is recognised by its key.
  }
}

/** Sorts by time, so that entries are sent in the order of their making. */
function randomKey(): string {
  const random = crypto.getRandomValues(new Uint8Array(16))
  const hex = Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return `${Date.now().toString(36).padStart(9, '0')}-${hex}`
}
