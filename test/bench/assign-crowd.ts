import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kysely, PostgresDialect } from 'kysely'
import { Pool } from 'pg'
import { callSweep, setPace } from '../../src/domain/assignment/assignment-repository.ts'
import { foldDeltas, rewriteTotals } from '../../src/domain/totals/total-repository.ts'
import type { DB } from '../../src/platform/schema.ts'
import { baselineQuery } from './assign-cost.ts'
import { copyProjects, fillTasks } from './assign-filling.ts'
import type { BenchProject, BenchServers } from './bench-site.ts'
import { send } from './load.ts'
import { judged } from './report.ts'
import type { Line } from './report.ts'

/** Figure 5 and what it would be without leases. */
const CROWD = 200
const N_ANSWERS = 3
/** On average, in seconds: a fifth of it at least, the rest by chance, but never so long that a lease ends. */
const THINK_SECONDS = 1
const THINK_SECONDS_MAX = 4
/** In a site leases run for at least 30 s and, near the end, two minutes: here everything is quicker. */
const LEASE_SECONDS = 12
const LEASE_FLOOR_SECONDS = 5
const TEND_EACH_MS = 500

interface Habits {
  /** Shares of the tasks: gone for good without a task run, and sent after the lease has ended. */
  readonly abandon: number
  readonly late: number
}

interface Outcome {
  seconds: number | undefined
  late: number
  abandoned: number
  /** How often somebody asked, and for how long they waited in all. */
  asked: number
  waitedMs: number
  /** What everybody took to think, those who were late included. */
  thoughtSeconds: number
  taskRuns: number
  extra: number
  surplus: number
  unfinished: number
}

type Counts = Pick<Outcome, 'late' | 'abandoned' | 'asked' | 'waitedMs' | 'thoughtSeconds'>

/** A person as the simulation sees one: undefined when there is no task for them at the moment. */
interface Person {
  newTask(): Promise<number | undefined>
  /** With the next task besides. */
  submit(task: number): Promise<number | undefined>
}

interface Scene {
  readonly projectId: number
  readonly tasks: number
  readonly secondsMax: number
  newPerson(): Person
}

export interface CrowdOptions {
  /** How long it takes when nobody ever waits, in seconds. */
  readonly idealSeconds: number
}

export async function crowdFigure(
  servers: BenchServers,
  projects: readonly BenchProject[],
  { idealSeconds }: CrowdOptions,
): Promise<Map<number, Line[]>> {
  const [forAll, forSome] = projects
  if (!forAll || !forSome) throw new Error('A project is missing')
  const tasks = Math.round((idealSeconds * CROWD) / THINK_SECONDS / N_ANSWERS)
  const agent = new Agent({ keepAlive: true })
  const leased = async (project: BenchProject, habits: Habits) => {
    let people = 0
    const newPerson = () => applicationPerson(agent, servers.web.url, project, people++)
    return simulate(servers.database, { projectId: project.id, tasks, newPerson, secondsMax: 600 }, habits)
  }
  const all = await leased(forAll, { abandon: 0, late: 0 })
  const some = await leased(forSome, { abandon: 0.05, late: 0.02 })
  agent.destroy()
  const baseline = await unleased(servers, tasks, idealSeconds)
  return new Map([
    [5, [...ofAll(all, idealSeconds), ...ofSome(some)]],
    [7, ofBaseline(baseline)],
  ])
}

/** So many tasks as the scene needs, made here because projects were made with none. */
export async function fillCrowdProject(
  database: Pool,
  projectId: number,
  idealSeconds: number,
): Promise<void> {
  const tasks = Math.round((idealSeconds * CROWD) / THINK_SECONDS / N_ANSWERS)
  await fillTasks(database, projectId, { tasks })
  await wantThree(database, projectId)
}

async function wantThree(database: Pool, projectId: number): Promise<void> {
  await database.query('update task set n_answers = $2 where project_id = $1', [projectId, N_ANSWERS])
  await database.query('update task_sched set n_answers = $2 where project_id = $1', [projectId, N_ANSWERS])
  await database.query('alter table project drop constraint if exists project_lease_seconds_check')
  await database.query('update project set lease_seconds = $2 where id = $1', [projectId, LEASE_SECONDS])
}

function applicationPerson(agent: Agent, url: string, { id, token }: BenchProject, nth: number): Person {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
  const uid = `c${nth}`
  return {
    async newTask() {
      const path = `/api/project/${id}/newtask?external_uid=${uid}`
      return (JSON.parse(await send(agent, url, { method: 'GET', path, headers })) as { id?: number }).id
    },
    async submit(task) {
      const path = `/api/taskrun?external_uid=${uid}&next=1`
      const body = JSON.stringify({
        project_id: id,
        task_id: task,
        info: { answer: 'Yes' },
        external_uid: uid,
      })
      const text = await send(agent, url, { method: 'POST', path, headers, body })
      return (JSON.parse(text) as { next?: { id?: number } }).next?.id
    },
  }
}

/** The usual way: count, take the first, store; completed when there are enough. */
async function unleased({ database, databaseUrl }: BenchServers, tasks: number, idealSeconds: number) {
  const [projectId = 0] = await copyProjects(database, 'bench-unleased', 1)
  await fillTasks(database, projectId, { tasks })
  await wantThree(database, projectId)
  await database.query('analyze')
  const pool = new Pool({ connectionString: databaseUrl, max: 16 })
  let people = 0
  const newPerson = (): Person => {
    people += 1
    const contributor = people
    const newTask = async () => {
      const { rows } = await pool.query<{ id: number }>(baselineQuery('by id', projectId, contributor))
      return rows[0]?.id
    }
    return {
      newTask,
      async submit(task) {
        await pool.query(
          `with made as (insert into task_run (project_id, task_id, contributor_id, created, info, counted)
             values ($1, $2, $3, now(), '{"answer": "Yes"}', true) returning task_id)
           update task t set state = 'completed' from made
            where t.id = made.task_id and (select count(*) from task_run r where r.task_id = t.id) + 1 >= t.n_answers`,
          [projectId, task, contributor],
        )
        return newTask()
      },
    }
  }
  const secondsMax = Math.min(2 * idealSeconds, 30)
  const outcome = await simulate(
    database,
    { projectId, tasks, newPerson, secondsMax },
    { abandon: 0, late: 0 },
  )
  await pool.end()
  return outcome
}

async function simulate(database: Pool, scene: Scene, habits: Habits): Promise<Outcome> {
  const counts: Counts = { late: 0, abandoned: 0, asked: 0, waitedMs: 0, thoughtSeconds: 0 }
  const state = { over: false }
  const began = performance.now()
  const everybody = Array.from({ length: CROWD }, () => contribute(scene, habits, counts, state))
  const seconds = await untilDone(database, scene, began)
  state.over = true
  await Promise.all(everybody)
  const { rows } = await database.query<Omit<Outcome, 'seconds' | keyof Counts>>(
    `select coalesce(sum(k), 0)::int as "taskRuns", coalesce(sum(extra), 0)::int as extra,
            coalesce(sum(greatest(k - $2, 0)), 0)::int as surplus,
            (select count(*)::int from task where project_id = $1 and state <> 'completed') as unfinished
       from (select count(*) as k, count(*) filter (where not counted) as extra
               from task_run where project_id = $1 group by task_id) x`,
    [scene.projectId, N_ANSWERS],
  )
  const [row] = rows
  if (!row) throw new Error('Nothing was counted')
  return { seconds, ...counts, ...row }
}

/** The seconds it took; undefined when it is given up. */
async function untilDone(database: Pool, { projectId, secondsMax }: Scene, began: number) {
  const db = new Kysely<DB>({ dialect: new PostgresDialect({ pool: database }) })
  await db.transaction().execute((tx) => rewriteTotals(tx, projectId))
  let tended = began
  while (performance.now() - began < secondsMax * 1000) {
    await sleep(50)
    if (performance.now() - tended > TEND_EACH_MS) {
      await foldDeltas(db, 10_000)
      await callSweep(db, 200)
      await setPace(db, LEASE_FLOOR_SECONDS)
      tended = performance.now()
    }
    const { rows } = await database.query(
      "select 1 from task where project_id = $1 and state <> 'completed' limit 1",
      [projectId],
    )
    if (rows.length === 0) return (performance.now() - began) / 1000
  }
  return undefined
}

/** One place in the crowd: whoever goes away for good is followed by somebody new. */
async function contribute(
  { newPerson }: Scene,
  { abandon, late }: Habits,
  counts: Counts,
  state: { over: boolean },
): Promise<void> {
  let person = newPerson()
  await sleep(Math.random() * THINK_SECONDS * 500)
  let task = await timed(counts, person.newTask())
  while (!state.over) {
    if (task === undefined) {
      await sleep(200 + Math.random() * 300)
      task = await timed(counts, person.newTask())
      continue
    }
    const dice = Math.random()
    if (dice < abandon) {
      counts.abandoned += 1
      person = newPerson()
      task = await timed(counts, person.newTask())
      continue
    }
    const isLate = dice < abandon + late
    if (isLate) counts.late += 1
    const thought = isLate ? LEASE_SECONDS * 1.5 : thinkSeconds()
    counts.thoughtSeconds += thought
    await sleep(1000 * thought)
    task = await timed(counts, person.submit(task))
  }
}

async function timed<T>(counts: Counts, reply: Promise<T>): Promise<T> {
  const began = performance.now()
  const value = await reply
  counts.asked += 1
  counts.waitedMs += performance.now() - began
  return value
}

function thinkSeconds(): number {
  return Math.min(THINK_SECONDS_MAX, THINK_SECONDS * (0.2 - 0.8 * Math.log(1 - Math.random())))
}

function ofAll({ seconds, taskRuns, surplus, asked, waitedMs }: Outcome, ideal: number): Line[] {
  return [
    { name: 'nobody leaves: waited for each reply', value: `${(waitedMs / asked).toFixed(0)} ms on average` },
    {
      name: 'nobody leaves: surplus',
      value: `${surplus} of ${taskRuns}`,
      limit: '= 0',
      holds: surplus === 0,
    },
    judged('nobody leaves: time / ideal', (seconds ?? Infinity) / ideal, { max: 1.3 }),
  ]
}

/** The ideal is that nobody ever waits: what all took to think, shared out among them. */
function ofSome(outcome: Outcome): Line[] {
  const { seconds, taskRuns, surplus, extra, late, abandoned, thoughtSeconds } = outcome
  const ideal = thoughtSeconds / CROWD
  const over = (seconds ?? Infinity) - ideal
  return [
    { name: 'some leave: abandoned, late', value: `${abandoned}, ${late} of ${taskRuns}` },
    {
      name: 'some leave: extra, surplus',
      value: `${extra}, ${surplus}`,
      limit: `≤ ${late} late ones`,
      holds: surplus <= late && extra <= late,
    },
    {
      name: 'some leave: time beyond the ideal',
      value: `${over.toFixed(1)} s over ${ideal.toFixed(1)} s`,
      limit: `≤ ${2 * LEASE_SECONDS} s, two leases`,
      holds: over <= 2 * LEASE_SECONDS,
    },
  ]
}

function ofBaseline({ seconds, taskRuns, surplus, unfinished }: Outcome): Line[] {
  const share = ((100 * surplus) / taskRuns).toFixed(0)
  const end =
    seconds === undefined ? `${unfinished} tasks unfinished when given up` : `done in ${seconds.toFixed(1)} s`
  return [{ name: 'baseline, 200 people: surplus', value: `${surplus} of ${taskRuns} (${share} %), ${end}` }]
}
