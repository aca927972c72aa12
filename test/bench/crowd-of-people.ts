import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSecureContext } from 'node:tls'
import { Client } from 'undici'
import type { Dispatcher } from 'undici'
import { percentile } from './report.ts'

export interface CrowdWishes {
  readonly people: number
  /** On average, between two requests of a person. */
  readonly thinkSeconds: number
  /** Measured; before that everybody has come, one after the other, within the time of a thought, or more slowly. */
  readonly seconds: number
  /** Of all people; the others look around. */
  readonly contributing: number
}

export interface CrowdResult {
  readonly requests: number
  readonly perMinute: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  /** What went wrong, with how often. */
  readonly errors: ReadonlyMap<string, number>
  /** How late this process itself was at worst, 99 times of 100, in milliseconds: it is part of what it measures. */
  readonly ownDelay: number
}

/** Where people go, of so many hundred. */
const VISITS: readonly (readonly [share: number, path: (shortName: string) => string])[] = [
  [30, () => '/'],
  [10, () => '/project/'],
  [10, () => '/project/category/thinking/'],
  [30, (shortName) => `/project/${shortName}/`],
  [10, (shortName) => `/project/${shortName}/stats`],
  [5, () => '/stats/'],
  [5, () => '/leaderboard/'],
]
/** What a browser says of itself. */
export const BROWSER = {
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'accept-encoding': 'gzip, deflate, br',
  'accept-language': 'en-GB,en;q=0.5',
}
const SCRIPT = { accept: 'application/json' }

/** So that processes which have just begun are warm when it counts. */
const COME_SECONDS_MIN = 20
/** What measures agrees on keys with so many a second and still has time for its requests. */
const COME_PER_SECOND = 60

type Request = (
  options: Omit<Dispatcher.RequestOptions, 'origin'>,
) => Promise<{ text: string; cookie: string }>
type Think = () => Promise<unknown>

/**
 * People with a connection each, who do something and think, until the time is over.
 *
 * @param onBegin called when what they ask begins to count.
 */
export async function runCrowd(
  site: { url: string; ca: string },
  project: { id: number; shortName: string },
  { people, thinkSeconds, seconds, contributing }: CrowdWishes,
  onBegin = () => undefined as unknown,
): Promise<CrowdResult> {
  // One for all: to make it takes longer than to agree on keys.
  const secureContext = createSecureContext({ ca: site.ca })
  const comeSeconds = Math.max(thinkSeconds, COME_SECONDS_MIN, people / COME_PER_SECOND)
  const times: number[] = []
  const errors = new Map<string, number>()
  /** Everybody's own: a signal looks through all who listen to it whenever one more does. */
  const ends: AbortController[] = []
  let isMeasured = false

  /** What one person asks; what fails is counted, and leaves the text empty. What is begun counts, whenever it ends. */
  const asking =
    (client: Client): Request =>
    async (options) => {
      const began = performance.now()
      const counts = isMeasured
      const note = (what: string) => {
        if (counts) errors.set(what, (errors.get(what) ?? 0) + 1)
      }
      try {
        const { statusCode, headers, body } = await client.request(options)
        const text = await body.text()
        if (counts) times.push(performance.now() - began)
        if (statusCode < 400)
          return { text, cookie: [headers['set-cookie'] ?? []].flat()[0]?.split(';')[0] ?? '' }
        note(`${options.method} ${options.path.replace(/\d+|\?.*/g, '')}: ${statusCode}`)
      } catch (error) {
        note(`${options.method}: ${error instanceof Error ? error.message : String(error)}`)
      }
      return { text: '', cookie: '' }
    }

  async function person(n: number): Promise<void> {
    const end = new AbortController()
    ends.push(end)
    const wait = (seconds: number) => sleep(seconds * 1_000, undefined, { signal: end.signal })
    const think: Think = () => wait(thinkSeconds * (0.5 + Math.random()))
    const client = new Client(site.url, {
      connect: { secureContext },
      keepAliveTimeout: 60_000,
      // Its second version takes what measures several times the processor time.
      allowH2: false,
    })
    try {
      await wait((n / people) * comeSeconds)
      const turn = n % 100 < contributing * 100 ? contributor(project) : visitor(project)
      for (;;) await turn(asking(client), think)
    } catch (error) {
      const what = `somebody gave up: ${String(error)}`
      if (!end.signal.aborted) errors.set(what, (errors.get(what) ?? 0) + 1)
    } finally {
      await client.close()
    }
  }

  const all = Promise.all(Array.from({ length: people }, (_, n) => person(n)))
  await sleep(comeSeconds * 1_000)
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  isMeasured = true
  onBegin()
  const began = performance.now()
  await sleep(seconds * 1_000)
  const minutes = (performance.now() - began) / 60_000
  isMeasured = false
  delay.disable()
  for (const end of ends) end.abort()
  await all
  return {
    requests: times.length,
    perMinute: times.length / minutes,
    p50: percentile(times, 50),
    p95: percentile(times, 95),
    p99: percentile(times, 99),
    errors,
    ownDelay: Math.max(0, delay.percentile(99) / 1e6 - 10),
  }
}

/** Where somebody who looks around goes next. */
export function nextPage(shortName: string): string {
  let place = Math.random() * 100
  const [, path] = VISITS.find(([share]) => (place -= share) < 0) ?? VISITS[0] ?? [0, () => '/']
  return path(shortName)
}

/** Somebody who looks around. */
function visitor({ shortName }: { shortName: string }) {
  return async (ask: Request, think: Think): Promise<void> => {
    await ask({ method: 'GET', path: nextPage(shortName), headers: BROWSER })
    await think()
  }
}

/** Somebody who opens the contribute page, and then takes a task and sends a task run, again and again. */
function contributor({ id, shortName }: { id: number; shortName: string }) {
  let device = ''
  return async (ask: Request, think: Think): Promise<void> => {
    if (device === '') {
      device = (await ask({ method: 'GET', path: `/project/${shortName}/newtask`, headers: BROWSER })).cookie
      await think()
    }
    const headers = { ...SCRIPT, cookie: device }
    const { text } = await ask({ method: 'GET', path: `/api/project/${id}/newtask`, headers })
    await think()
    const task = text === '' ? {} : (JSON.parse(text) as { id?: number })
    if (task.id === undefined) return
    const body = JSON.stringify({ project_id: id, task_id: task.id, info: { answer: 'Yes' } })
    await ask({
      method: 'POST',
      path: '/api/taskrun',
      headers: { ...headers, 'content-type': 'application/json' },
      body,
    })
    await think()
  }
}
