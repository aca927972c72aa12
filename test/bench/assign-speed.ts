import type { Pool } from 'pg'
import { copyProjects, fillTasks } from './assign-filling.ts'
import { CONTRIBUTORS } from './bench-site.ts'
import type { BenchProject, BenchServers } from './bench-site.ts'
import { CONNECTIONS, loadTurns } from './load.ts'
import type { Ask, Run, Server } from './load.ts'
import type { Pgbench } from './pgbench.ts'
import { judgedSpread, spread } from './report.ts'
import type { Line } from './report.ts'

/** What is measured of each competitor: requests, or turns of a task and its task run in two requests or in one. */
const PHASES = ['newtask', 'submit', 'cycle', 'cycle with next'] as const
type Phase = (typeof PHASES)[number]
type Round = Record<Phase, Run>

export const SPEED_TASKS = 20_000
const INFO = { answer: 'Yes', x: 12.5, boxes: [[1, 2, 3, 4]] }
const SUBMIT_ARGUMENTS = `false, '${JSON.stringify(INFO)}', null, null, null, null, null, 'pgbench'`

/** How a competitor is asked: for a task, and with a task run. */
interface Competitor {
  newTask(ask: Ask, person: number): Promise<number>
  submit(ask: Ask, person: number, task: number, next: boolean): Promise<number>
}

interface Task {
  id: number
}

/** What the reference server found: null where a task run came with a search that had not come to its end. */
interface Found {
  tasks: Task[] | null
}

export function application({ id, token }: BenchProject): Competitor {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
  return {
    newTask,
    async submit(ask, person, task, next) {
      const uid = `c${person}`
      const path = `/api/taskrun?external_uid=${uid}${next ? '&next=1' : ''}`
      const body = JSON.stringify({ project_id: id, task_id: task, info: INFO, external_uid: uid })
      const text = await ask({ method: 'POST', path, headers, body })
      return next ? ((JSON.parse(text) as { next?: Task }).next?.id ?? newTask(ask, person)) : 0
    },
  }

  async function newTask(ask: Ask, person: number): Promise<number> {
    const path = `/api/project/${id}/newtask?external_uid=c${person}`
    return (JSON.parse(await ask({ method: 'GET', path, headers })) as Task).id
  }
}

export function reference({ id, firstContributor }: BenchProject): Competitor {
  const headers = { 'Content-Type': 'application/json' }
  return {
    newTask,
    async submit(ask, person, task, next) {
      const path = next ? '/taskrun?next=1' : '/taskrun'
      const body = JSON.stringify({ project: id, contributor: firstContributor + person, task, info: INFO })
      const text = await ask({ method: 'POST', path, headers, body })
      return next ? ((JSON.parse(text) as Found).tasks?.[0]?.id ?? newTask(ask, person)) : 0
    },
  }

  async function newTask(ask: Ask, person: number): Promise<number> {
    const path = `/newtask?project=${id}&contributor=${firstContributor + person}`
    return (JSON.parse(await ask({ method: 'GET', path })) as Found).tasks?.[0]?.id ?? 0
  }
}

/** All phases once, by people of whom each connection has its own; so many turns for each connection. */
export async function runHttp(
  server: Server,
  { newTask, submit }: Competitor,
  turns: number,
): Promise<Round> {
  const tasks: number[] = []
  const person = (connection: number, nth: number) => connection * turns + nth
  const newtask = await loadTurns(server, turns, async (ask, connection, nth) => {
    tasks[person(connection, nth)] = await newTask(ask, person(connection, nth))
  })
  const submitted = await loadTurns(server, turns, (ask, connection, nth) =>
    submit(ask, person(connection, nth), tasks[person(connection, nth)] ?? 0, false),
  )
  const cycle = await loadTurns(server, turns, async (ask, connection, nth) => {
    const task = await newTask(ask, person(connection, nth))
    await submit(ask, person(connection, nth), task, false)
  })
  const current: number[] = []
  const withNext = await loadTurns(server, turns, async (ask, connection, nth) => {
    const who = person(connection, 0)
    const task = nth === 0 ? await newTask(ask, who) : (current[connection] ?? 0)
    current[connection] = await submit(ask, who, task, true)
  })
  return { newtask, submit: submitted, cycle, 'cycle with next': withNext }
}

/** The same with nothing but the database functions. */
export async function runPgbench(
  pgbench: Pgbench,
  { id, firstContributor }: BenchProject,
  turns: number,
): Promise<Round> {
  const who = `\\set turn :turn + 1\n\\set c ${firstContributor} + :client_id * ${turns} + :turn\n`
  const take = `select coalesce(task_ids[1], 0) as task from newtask_v2(${id}, :c, 1, 0, 100) \\gset\n`
  return {
    newtask: await pgbench.run(
      `${who}select n.has_more, t.* from newtask_v2(${id}, :c, 1, 0, 100) n left join task t on t.id = any (n.task_ids)`,
      turns,
    ),
    submit: await pgbench.run(
      `${who}select s.* from (select task_id from lease where project_id = ${id} and contributor_id = :c and holds_place
         limit 1) l, submit_v2(${id}, l.task_id, :c, ${SUBMIT_ARGUMENTS}) s`,
      turns,
    ),
    cycle: await pgbench.run(
      `${who}${take}select * from submit_v2(${id}, :task, :c, ${SUBMIT_ARGUMENTS})`,
      turns,
    ),
    'cycle with next': await pgbench.run(
      `${who}\\set c ${firstContributor} + :client_id * ${turns}\n\\if :turn = 0\n${take}\\endif
       select coalesce(task_ids[1], 0) as task
         from submit_next_v1(${id}, :task, :c, ${SUBMIT_ARGUMENTS}, 1, 0, 100) \\gset`,
      turns,
    ),
  }
}

export interface SpeedOptions {
  readonly rounds: number
  /** Of each connection and phase. */
  readonly turns: number
}

interface Measured {
  application: Round
  reference: Round
  pgbench?: Round
}

/** Figures 1 and 6: the application beside the bare server and pgbench, who begins changing from round to round. */
export async function speedFigures(
  servers: BenchServers,
  projects: readonly BenchProject[],
  pgbench: Pgbench | undefined,
  { rounds, turns }: SpeedOptions,
): Promise<Map<number, Line[]>> {
  const [ours, forReference, forPgbench] = projects
  if (!ours || !forReference || !forPgbench) throw new Error('A project is missing')
  if (turns * CONNECTIONS > CONTRIBUTORS) throw new Error(`At most ${CONTRIBUTORS / CONNECTIONS} turns`)
  const runs: (() => Promise<Partial<Measured>>)[] = [
    async () => ({ application: await runHttp(servers.web, application(ours), turns) }),
    async () => ({ reference: await runHttp(servers.reference, reference(forReference), turns) }),
    async () => (pgbench ? { pgbench: await runPgbench(pgbench, forPgbench, turns) } : {}),
  ]
  const all: Measured[] = []
  for (let round = 0; round <= rounds; round += 1) {
    const measured: Partial<Measured> = {}
    for (let turn = 0; turn < runs.length; turn += 1)
      Object.assign(measured, await runs[(round + turn) % runs.length]?.())
    // The first round warms up. Statistics of empty tables would make every later plan scan them whole.
    if (round > 0) all.push(measured as Measured)
    await servers.database.query('vacuum analyze')
  }
  return new Map([
    [1, ofApplication(all)],
    [6, ofCycle(all)],
  ])
}

function ofApplication(all: readonly Measured[]): Line[] {
  return PHASES.flatMap((phase) => [
    ...(['application', 'reference', 'pgbench'] as const).flatMap((who) =>
      speedLine(
        `${phase}, ${who}`,
        all.flatMap((measured) => measured[who]?.[phase] ?? []),
      ),
    ),
    judgedSpread(
      `${phase}, application / reference`,
      all.map((measured) => measured.application[phase].perSecond / measured.reference[phase].perSecond),
      { min: 0.7 },
    ),
  ])
}

function speedLine(name: string, runs: readonly Run[]): Line[] {
  if (runs.length === 0) return []
  const perSecond = spread(
    runs.map((run) => run.perSecond),
    0,
  )
  const cpu = runs.flatMap(({ cpuMs }) => cpuMs ?? [])
  return [
    { name, value: `${perSecond} a second${cpu.length > 0 ? `, ${spread(cpu, 2)} ms of CPU each` : ''}` },
  ]
}

function ofCycle(all: readonly Measured[]): Line[] {
  return (['application', 'reference', 'pgbench'] as const).flatMap((who) => {
    const rounds = all.flatMap((measured) => measured[who] ?? [])
    if (rounds.length === 0) return []
    const ratios = (phase: Phase) =>
      rounds.map(
        (round) => round[phase].perSecond * (1 / round.newtask.perSecond + 1 / round.submit.perSecond),
      )
    const [apart, together] = [`${who}: newtask + submit / prediction`, `${who}: with next / prediction`]
    return [
      who === 'pgbench'
        ? judgedSpread(apart, ratios('cycle'), { min: 0.9 })
        : { name: apart, value: spread(ratios('cycle'), 2) },
      who === 'application'
        ? judgedSpread(together, ratios('cycle with next'), { min: 0.9 })
        : { name: together, value: spread(ratios('cycle with next'), 2) },
    ]
  })
}

const MANY = 1_000
const HOT_TASKS = 100_000
/** No rows of contributors are needed for those who only ask; each run takes people who have not asked before. */
let asked = 2_000_000_000_000

/** Figure 4: everybody at one project against the same people spread over a thousand. */
export async function hotProjectFigure(
  database: Pool,
  pgbench: Pgbench | undefined,
  { rounds, turns }: SpeedOptions,
): Promise<Line[]> {
  if (!pgbench) return [{ name: 'left out', value: 'pgbench is not here' }]
  const [hot = 0] = await copyProjects(database, 'bench-hot', 1)
  await fillTasks(database, hot, { tasks: HOT_TASKS })
  const many = await copyProjects(database, 'bench-many', MANY)
  await database.query(
    `with made as (insert into task (project_id, info)
       select p, '{"picture": "https://pictures.example.org/1.jpg"}' from unnest($1::bigint[]) p, generate_series(1, $2::int)
       returning id, project_id, n_answers)
     insert into task_sched (task_id, project_id, n_answers) select id, project_id, n_answers from made`,
    [many, HOT_TASKS / MANY],
  )
  const people = await contributorsOf(database)
  await database.query('vacuum analyze')
  const results: { one: number; spreadOut: number; oneCycle: number; spreadCycle: number }[] = []
  for (let round = 0; round <= rounds; round += 1) {
    const one = () => runAt(pgbench, { first: hot, count: 1 }, turns)
    const other = () => runAt(pgbench, { first: many[0] ?? 0, count: MANY }, turns)
    const cycleOne = () => cycleAt(pgbench, { first: hot, count: 1 }, people, turns)
    const cycleOther = () => cycleAt(pgbench, { first: many[0] ?? 0, count: MANY }, people, turns)
    const order = [one, other, cycleOne, cycleOther]
    const speeds = new Map<() => Promise<number>, number>()
    for (const run of round % 2 === 0 ? order : order.toReversed()) speeds.set(run, await run())
    const of = (run: () => Promise<number>) => speeds.get(run) ?? 0
    if (round > 0)
      results.push({
        one: of(one),
        spreadOut: of(other),
        oneCycle: of(cycleOne),
        spreadCycle: of(cycleOther),
      })
    await database.query('vacuum analyze')
  }
  const line = (name: string, values: number[]) => ({ name, value: `${spread(values, 0)} a second` })
  return [
    line(
      'newtask, one project',
      results.map(({ one }) => one),
    ),
    line(
      'newtask, a thousand',
      results.map(({ spreadOut }) => spreadOut),
    ),
    judgedSpread(
      'newtask, apart by',
      results.map(({ one, spreadOut }) => apart(one, spreadOut)),
      { max: 1.5 },
    ),
    line(
      'cycle, one project',
      results.map(({ oneCycle }) => oneCycle),
    ),
    line(
      'cycle, a thousand',
      results.map(({ spreadCycle }) => spreadCycle),
    ),
    judgedSpread(
      'cycle, apart by',
      results.map(({ oneCycle, spreadCycle }) => apart(oneCycle, spreadCycle)),
      {
        max: 1.5,
      },
    ),
  ]
}

function apart(a: number, b: number): number {
  return Math.max(a, b) / Math.min(a, b)
}

interface Projects {
  readonly first: number
  readonly count: number
}

async function runAt(pgbench: Pgbench, { first, count }: Projects, turns: number): Promise<number> {
  asked += turns * CONNECTIONS
  const { perSecond } = await pgbench.run(
    `\\set turn :turn + 1\n\\set c ${asked} + :client_id * ${turns} + :turn\n\\set p ${first} + random(0, ${count - 1})
     select task_ids from newtask_v2(:p, :c, 1, 0, 100)`,
    turns,
  )
  return perSecond
}

async function cycleAt(
  pgbench: Pgbench,
  { first, count }: Projects,
  people: number,
  turns: number,
): Promise<number> {
  const { perSecond } = await pgbench.run(
    `\\set turn :turn + 1\n\\set c ${people} + :client_id * ${turns} + :turn\n\\set p ${first} + random(0, ${count - 1})
     select coalesce(task_ids[1], 0) as task from newtask_v2(:p, :c, 1, 0, 100) \\gset
     select * from submit_v2(:p, :task, :c, ${SUBMIT_ARGUMENTS})`,
    turns,
  )
  return perSecond
}

/** The first of CONTRIBUTORS people without gaps. */
async function contributorsOf(database: Pool): Promise<number> {
  const { rows } = await database.query<{ first: number }>('select min(id)::int as first from contributor')
  return rows[0]?.first ?? 0
}
