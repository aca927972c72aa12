import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { Visitor } from './visit.ts'
import type { VisitedSite } from './visit.ts'

const TASKS = 3_000
/** How many things they do each second: of ten, eight look at the home page, one at the project, one contributes. */
const PER_SECOND = Number(process.env['DEPLOY_RATE'] ?? 50)
const PEOPLE = 20

const Made = z.object({ id: z.number() })
const Rows = z.array(Made)

/** People who browse a site and work on it at a steady rate. */
export interface Use {
  /** The release that the site's processes name, once all name the same. */
  release(): Promise<string>
  /** What became of the requests since it was asked last. */
  count(): Promise<{ answered: number; failures: string[]; lost: number }>
  stop(): Promise<void>
}

/** Makes a project and lets people come. */
export async function startUse(site: VisitedSite): Promise<Use> {
  const owner = await newMember(site)
  const { projectId, shortName } = await newProject(owner)
  const members: Visitor[] = []
  for (let count = 0; count < PEOPLE; count += 1) members.push(await newMember(site))
  const since = { answered: 0, failures: [] as string[], taken: new Set<number>() }
  let isOver = false
  let turn = 0

  async function contribute(member: Visitor): Promise<void> {
    const task = Made.parse(JSON.parse((await member.get(`/api/project/${projectId}/newtask`)).body))
    since.answered += 1
    const run = { project_id: projectId, task_id: task.id, info: 'a robin' }
    const { body } = await member.post('/api/taskrun', run)
    since.taken.add(Made.parse(JSON.parse(body)).id)
  }

  async function visit(somebody: Visitor, member: Visitor, number: number): Promise<void> {
    try {
      if (number % 10 === 0) await contribute(member)
      else if (number % 10 === 5) await somebody.get(`/project/${shortName}/?visit=${number}`)
      else await somebody.get(`/?visit=${number % 100}`)
      since.answered += 1
    } catch (error) {
      const why = error instanceof Error ? error.message.slice(0, 200) : String(error)
      since.failures.push(`${new Date().toISOString().slice(11, 19)} ${why}`)
    }
  }

  async function person(member: Visitor): Promise<void> {
    const somebody = new Visitor(site)
    while (!isOver) {
      const began = performance.now()
      await visit(somebody, member, (turn += 1))
      await sleep(Math.max(0, (PEOPLE * 1000) / PER_SECOND - (performance.now() - began)))
    }
  }
  const people = Promise.all(members.map(person))

  async function lostOf(taken: ReadonlySet<number>): Promise<number> {
    const missing = new Set(taken)
    for (let last = Math.min(...taken) - 1; ;) {
      const path = `/api/taskrun?project_id=${projectId}&limit=100&last_id=${last}`
      const rows = Rows.parse(JSON.parse((await owner.get(path)).body))
      for (const { id } of rows) missing.delete(id)
      if (rows.length === 0) return missing.size
      last = Math.max(...rows.map(({ id }) => id))
    }
  }

  return {
    async release() {
      for (;;) {
        const seen = new Set<unknown>()
        for (let count = 0; count < 8; count += 1)
          seen.add((JSON.parse((await owner.get('/healthz')).body) as { release?: string }).release)
        const [one] = seen
        if (seen.size === 1) return String(one)
      }
    },
    async count() {
      const { answered, failures, taken } = since
      Object.assign(since, { answered: 0, failures: [], taken: new Set<number>() })
      return { answered, failures, lost: taken.size === 0 ? 0 : await lostOf(taken) }
    },
    async stop() {
      isOver = true
      await people
    },
  }
}

async function newMember(site: VisitedSite): Promise<Visitor> {
  const member = new Visitor(site)
  const name = `use-${randomUUID().slice(0, 8)}`
  const password = `long enough ${name}`
  await member.send('/account/register', { fullName: name, name, email: `${name}@example.org`, password })
  return member
}

async function newProject(owner: Visitor) {
  const shortName = `use${randomUUID().slice(0, 8)}`
  await owner.send('/project/new', { name: shortName, shortName, description: 'Which bird?' })
  const { body } = await owner.get(`/api/project?short_name=${shortName}`)
  const [project] = Rows.parse(JSON.parse(body))
  const projectId = project?.id ?? 0
  for (let made = 0; made < TASKS; made += 1000) {
    const tasks = Array.from({ length: 1000 }, (_, n) => ({ info: { picture: made + n }, n_answers: PEOPLE }))
    await owner.post('/api/bulktasks', { project_id: projectId, tasks })
  }
  return { projectId, shortName }
}
