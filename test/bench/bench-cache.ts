import { once } from 'node:events'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { currentRequestId } from '../../src/platform/request-context.ts'
import type { App } from '../../src/platform/app.ts'
import { startTestApp } from '../support/app.ts'
import type { TestApp } from '../support/app.ts'
import { externalContributor, publishedProject } from '../support/builders.ts'
import type { BuiltProject } from '../support/builders.ts'
import { startTestServers } from '../support/servers.ts'
import type { Ending } from '../support/servers.ts'
import { startProgram } from '../support/started-site.ts'
import { judged, percentile, printLines } from './report.ts'
import type { Line } from './report.ts'

const PROJECTS = 12
const VISITORS = 40
/** Of ten visitors so many have an account, and so many answer. */
const MEMBERS_OF_TEN = 1
const CONTRIBUTORS_OF_TEN = 1
const ANSWERS = 10
const THINK_MS = 1_000

/** Pages that a visitor opens, one after the other; `{}` stands for a project, of which the first are the liked ones. */
const VISIT = [
  '/',
  '/project/',
  '/project/{}/',
  '/project/{}/stats',
  '/project/',
  '/project/{}/',
  '/leaderboard/',
]

interface Asked {
  readonly path: string
  readonly requestId: string
  readonly milliseconds: number
}

interface Bench {
  readonly site: TestApp
  readonly projects: readonly BuiltProject[]
  /** The ids of requests that took a connection of either pool. */
  readonly touched: ReadonlySet<string>
}

/**
 * Measures 4 and 5: what a project's page costs from a warm and from a cold cache, and how a mix of browsing and
 * answering does that begins with an empty one. The web server runs in this process, so that each query is known by
 * its request; the worker that adds answers up and the scheduler are processes of their own.
 *
 * @returns whether every figure is within its limit.
 */
export async function benchCache({ minutes }: { minutes: number }): Promise<boolean> {
  const endings: (() => unknown)[] = []
  const ending: Ending = { after: (end) => endings.push(end) }
  try {
    const servers = await startTestServers()
    endings.push(() => servers.stop())
    const site = await startTestApp(
      // What belongs to the application ends in the order in which it began, and before the servers.
      { after: (end) => endings.splice(1, 0, end) },
      { LOG_LEVEL: 'error' },
    )
    const bench = await prepare(site)
    startProcesses(site, ending)
    const lines = [...(await benchOnePage(bench)), ...(await benchMix(bench, minutes))]
    printLines(`Pages from the cache, ${minutes} minutes of ${VISITORS} visitors`, lines)
    return lines.every(({ holds }) => holds !== false)
  } finally {
    for (const end of endings.reverse()) await end()
  }
}

async function prepare(site: TestApp): Promise<Bench> {
  const owner = await site.user()
  const projects: BuiltProject[] = []
  for (let n = 0; n < PROJECTS; n += 1)
    projects.push(await publishedProject(site, owner, { tasks: 500, redundancy: 30 }))
  return { site, projects, touched: noteQueries(site.app) }
}

function noteQueries(app: App): ReadonlySet<string> {
  const touched = new Set<string>()
  for (const pool of Object.values(app.database.pools)) {
    const connect = pool.connect.bind(pool) as (...args: unknown[]) => unknown
    Object.assign(pool, {
      connect(...args: unknown[]) {
        touched.add(currentRequestId() ?? '')
        return connect(...args)
      },
    })
  }
  return touched
}

function startProcesses(site: TestApp, ending: Ending): void {
  for (const name of ['worker', 'scheduler']) {
    const { child } = startProgram(`src/bin/${name}.ts`, [], { ...site.env })
    ending.after(async () => {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
    })
  }
}

async function benchOnePage({ site, projects, touched }: Bench): Promise<Line[]> {
  const path = `/project/${projects.at(-1)?.shortName ?? ''}/`
  const made = () => site.app.memory.lookups.get('page-project')?.made ?? 0
  const before = made()
  await Promise.all(Array.from({ length: 100 }, () => ask(site.http, path)))
  const computations = made() - before
  const warm = await Promise.all(Array.from({ length: 100 }, () => ask(site.http, path)))
  const queried = warm.filter(({ requestId }) => touched.has(requestId)).length
  return [
    judged('project page, cold, 100 at once: computations', computations, { max: 1 }),
    judged('project page, warm, 100 at once: requests with a query', queried, { max: 0 }),
  ]
}

async function benchMix(bench: Bench, minutes: number): Promise<Line[]> {
  const { site, touched } = bench
  await site.app.cache.ask((redis) => redis.flushall())
  const before = countsOf(site.app)
  const end = Date.now() + minutes * 60_000
  const asked: Asked[] = []
  let answers = 0
  const visitors = Array.from({ length: VISITORS }, async (_, nth) => {
    const isMember = nth % 10 < MEMBERS_OF_TEN
    const person = isMember ? (await site.user()).http : site.http
    const contributes = nth % 10 >= 10 - CONTRIBUTORS_OF_TEN
    await sleep(Math.random() * THINK_MS)
    while (Date.now() < end) {
      const project = liked(bench.projects)
      for (const page of VISIT) {
        asked.push(await ask(person, page.replace('{}', project.shortName)))
        await think()
      }
      if (contributes) {
        asked.push(await ask(person, `/project/${project.shortName}/newtask`))
        answers += await answerSome(site, project, end)
      }
    }
  })
  await Promise.all(visitors)

  const kinds = hitsSince(site.app, before)
  const there = kinds.reduce((sum, kind) => sum + kind.there, 0)
  const all = kinds.reduce((sum, kind) => sum + kind.all, 0)
  const reached = asked.filter(({ requestId }) => touched.has(requestId))
  const share = (some: number) => some / asked.length
  const ofContributing = reached.filter(({ path }) => path.endsWith('/newtask')).length
  const median = percentile(
    asked.map(({ milliseconds }) => milliseconds),
    50,
  )
  return [
    { name: 'page requests, answers', value: `${asked.length}, ${answers}` },
    { name: 'median of a page request', value: `${median.toFixed(1)} ms` },
    judged('cache lookups that hit / all', there / all, { min: 0.95 }),
    ...kinds.map(({ kind, there: hits, all: lookups }) => ({
      name: `  ${kind}`,
      value: `${(hits / lookups).toFixed(4)} of ${lookups}`,
    })),
    judged('page requests that reach PostgreSQL / all', share(reached.length), { max: 0.05 }),
    { name: '  of them the page where people answer', value: share(ofContributing).toFixed(4) },
  ]
}

interface Hits {
  readonly kind: string
  /** Lookups that found something, and all. */
  readonly there: number
  readonly all: number
}

function countsOf({ memory }: App): Map<string, Hits> {
  return new Map(
    [...memory.lookups].map(([kind, { fresh, stale, own, made, waited }]) => {
      const there = fresh + stale + own
      return [kind, { kind, there, all: there + made + waited }]
    }),
  )
}

/** What was looked up since, by kind, the most asked for first. */
function hitsSince(app: App, before: ReadonlyMap<string, Hits>): Hits[] {
  return [...countsOf(app).values()]
    .map(({ kind, there, all }) => {
      const then = before.get(kind) ?? { there: 0, all: 0 }
      return { kind, there: there - then.there, all: all - then.all }
    })
    .filter(({ all }) => all > 0)
    .sort((one, other) => other.all - one.all)
}

async function answerSome(site: TestApp, project: BuiltProject, end: number): Promise<number> {
  const person = await externalContributor(site, project, randomUUID())
  for (let n = 0; n < ANSWERS; n += 1) {
    const reply = await person.newTask()
    const { id } = reply.body as { id?: number }
    if (id === undefined || Date.now() > end) return n
    await think()
    await person.submit(id).expect(200)
  }
  return ANSWERS
}

/** Half as often the next one, and so on. */
function liked(projects: readonly BuiltProject[]): BuiltProject {
  const nth = Math.floor(-Math.log2(1 - Math.random()))
  const project = projects[nth % projects.length]
  if (!project) throw new Error('There is no project')
  return project
}

function think(): Promise<void> {
  return sleep(THINK_MS * (0.5 + Math.random()))
}

async function ask(http: TestApp['http'], path: string): Promise<Asked> {
  const began = performance.now()
  const response = await http.get(path).expect(200)
  return { path, requestId: String(response.get('X-Request-Id')), milliseconds: performance.now() - began }
}
