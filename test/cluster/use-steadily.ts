import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { register } from './owner.ts'
import { Visitor } from './visit.ts'
import type { VisitedSite } from './visit.ts'

const TASKS = 6_000
/** So many task runs complete a task, of which a job tells the project's webhook. */
const REDUNDANCY = 2
/** How many things they do each second: of ten, eight look at the home page, one at the project, one contributes. */
const PER_SECOND = Number(process.env['DEPLOY_RATE'] ?? 50)
const PEOPLE = 20
/** How long jobs may take after the last task run, in milliseconds. */
const JOBS_MS = 60_000
/** How long processes may take to name one release, in milliseconds. */
const RELEASE_MS = 60_000

const Made = z.object({ id: z.number() })
const Rows = z.array(Made)
const Told = z.object({ task_id: z.number() })
const Health = z.object({ release: z.string().optional() })

/** A site that is reached by several addresses. */
interface UsedSite extends Omit<VisitedSite, 'address'> {
  readonly addresses: readonly string[]
  /** The address of this program, where the site reaches it. */
  readonly outside: string
}

/** People who browse a site and work on it at a steady rate. */
export interface Use {
  /** The release that the site's processes name, once all name the same at every address; after a minute all that they name. */
  release(): Promise<string>
  /** What became of the requests, task runs and jobs since it was asked last. */
  count(): Promise<{
    answered: number
    perSecond: number
    failures: string[]
    lost: number
    jobsLost: number
  }>
  stop(): Promise<void>
}

/** Makes a project and lets people come. */
export async function startUse({ addresses, outside, ...site }: UsedSite): Promise<Use> {
  const visitor = (number = 0) =>
    new Visitor({ ...site, address: addresses[number % addresses.length] ?? '' })
  const receiver = await startReceiver(outside)
  const owner = visitor()
  const project = await newProject(owner, receiver.url)
  const members: Visitor[] = []
  while (members.length < PEOPLE) members.push(await newMember(visitor(members.length)))
  let since = nothing()
  let isOver = false
  let turn = 0

  async function contribute(member: Visitor): Promise<void> {
    const task = Made.parse(JSON.parse((await member.get(`/api/project/${project.id}/newtask`)).body))
    since.answered += 1
    const run = { project_id: project.id, task_id: task.id, info: 'a robin' }
    const { body } = await member.post('/api/taskrun', run)
    since.taken.add(Made.parse(JSON.parse(body)).id)
  }

  async function visit(somebody: Visitor, member: Visitor, number: number): Promise<void> {
    try {
      if (number % 10 === 0) await contribute(member)
      else if (number % 10 === 5) await somebody.get(`/project/${project.shortName}/?visit=${number}`)
      else await somebody.get(`/?visit=${number % 100}`)
      since.answered += 1
    } catch (error) {
      const why = error instanceof Error ? error.message.slice(0, 200) : String(error)
      since.failures.push(`${new Date().toISOString().slice(11, 19)} ${why}`)
    }
  }

  async function person(member: Visitor, number: number): Promise<void> {
    const somebody = visitor(number)
    while (!isOver) {
      const began = performance.now()
      await visit(somebody, member, (turn += 1))
      await sleep(Math.max(0, (PEOPLE * 1000) / PER_SECOND - (performance.now() - began)))
    }
  }
  const people = Promise.all(members.map(person))

  async function rowsSince(path: string, lastId: number): Promise<number[]> {
    const ids: number[] = []
    for (let last = lastId; ;) {
      const { body } = await owner.get(`${path}&limit=100&last_id=${last}&api_key=${project.key}`)
      const rows = Rows.parse(JSON.parse(body)).map(({ id }) => id)
      ids.push(...rows)
      if (rows.length === 0) return ids
      last = Math.max(...rows)
    }
  }

  async function lostOf(taken: ReadonlySet<number>): Promise<number> {
    if (taken.size === 0) return 0
    const found = new Set(await rowsSince(`/api/taskrun?project_id=${project.id}`, Math.min(...taken) - 1))
    return [...taken].filter((id) => !found.has(id)).length
  }

  /** How many completed tasks nobody told of. */
  async function jobsLostNow(): Promise<number> {
    const completed = await rowsSince(`/api/task?project_id=${project.id}&state=completed`, 0)
    const until = Date.now() + JOBS_MS
    const untold = () => completed.filter((id) => !receiver.told.has(id))
    while (untold().length > 0 && Date.now() < until) await sleep(200)
    return untold().length
  }

  return {
    async release() {
      const until = Date.now() + RELEASE_MS
      for (;;) {
        const seen = new Set<string | undefined>()
        for (let count = 0; count < addresses.length * 8; count += 1) {
          const { body } = await visitor(count).get('/healthz')
          seen.add(Health.parse(JSON.parse(body)).release)
        }
        if (seen.size === 1 || Date.now() > until) return [...seen].join(', ')
        await sleep(100)
      }
    },
    async count() {
      const { answered, failures, taken, began } = since
      since = nothing()
      const perSecond = (answered * 1000) / (Date.now() - began)
      return { answered, perSecond, failures, lost: await lostOf(taken), jobsLost: await jobsLostNow() }
    },
    async stop() {
      isOver = true
      await people
      receiver.close()
    },
  }
}

const nothing = () => ({
  began: Date.now(),
  answered: 0,
  failures: [] as string[],
  taken: new Set<number>(),
})

/** Takes a project's webhook. */
async function startReceiver(host: string) {
  const told = new Set<number>()
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      told.add(Told.parse(body).task_id)
      response.end('ok')
    })
  })
  server.listen(0, host)
  await once(server, 'listening')
  return {
    told,
    url: `http://${host}:${(server.address() as AddressInfo).port}/completed`,
    close(): void {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function newMember(member: Visitor): Promise<Visitor> {
  const name = `use-${randomUUID().slice(0, 8)}`
  const password = `long enough ${name}`
  await member.send('/account/register', { fullName: name, name, email: `${name}@example.org`, password })
  return member
}

async function newProject(owner: Visitor, webhook: string) {
  const tag = randomUUID().slice(0, 8)
  const shortName = `use${tag}`
  const key = await register(owner, tag)
  const info = { task_presenter: '<p>Which bird?</p>' }
  const asked = { name: shortName, short_name: shortName, description: 'Which bird?', webhook, info }
  const { id } = Made.parse(JSON.parse((await owner.post(`/api/project?api_key=${key}`, asked)).body))
  for (let made = 0; made < TASKS; made += 1000) {
    const tasks = Array.from({ length: 1000 }, (_, n) => ({
      info: { picture: made + n },
      n_answers: REDUNDANCY,
    }))
    await owner.post(`/api/bulktasks?api_key=${key}`, { project_id: id, tasks })
  }
  await owner.send(`/project/${shortName}/publish`, {})
  return { id, shortName, key }
}
