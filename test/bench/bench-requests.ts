import { mkdirSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { DATABASE } from '../../src/bin/local/postgres-database.ts'
import { CONTRIBUTORS, startBenchSite } from './bench-site.ts'
import type { BenchProject, BenchSite } from './bench-site.ts'
import { CONNECTIONS, load } from './load.ts'
import type { Run } from './load.ts'
import { findPgbench } from './pgbench.ts'
import type { Pgbench } from './pgbench.ts'

/**
 * The first part of `npm run bench`, which runs when it is imported: requests for a task and submissions per second of the running application, beside a bare server
 * with the same statements and pgbench on the same functions. All take turns in each round; what counts is the ratio
 * within a round. The first round warms up and is not shown. BENCH_ROUNDS sets how many count.
 */
const FIGURES = ['newtask', 'taskrun'] as const
const COMPETITORS = ['application', 'reference server', 'pgbench'] as const

type Figure = (typeof FIGURES)[number]
type Competitor = (typeof COMPETITORS)[number]
type Round = Record<Figure, Partial<Record<Competitor, Run>>>

/** Of each connection: everybody asks once, and submits once. */
const REQUESTS = CONTRIBUTORS / CONNECTIONS
const INFO = { answer: 'Yes', x: 12.5, boxes: [[1, 2, 3, 4]] }

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5)
const site = await startBenchSite()
try {
  await bench(site)
} finally {
  await site.stop()
}

async function bench({ socketFolder }: BenchSite): Promise<void> {
  const folder = join(tmpdir(), 'manyhands-bench-programs')
  mkdirSync(folder, { recursive: true })
  const pgbench = await findPgbench(folder, { socketFolder, database: DATABASE })
  if (!pgbench)
    console.log('pgbench is not here, so it is left out. Install it with: sudo apt-get install postgresql-15')
  const all: Round[] = []
  for (let round = 0; round <= rounds; round += 1) {
    all.push(await runRound(round, pgbench))
    // As autovacuum does within a minute: statistics of empty tables would make every later plan scan them whole.
    await site.database.query('vacuum analyze')
    console.log(round === 0 ? 'Warmed up' : `Round ${round} of ${rounds}`)
  }
  print(all.slice(1))
}

/** Who begins changes from round to round. */
async function runRound(round: number, pgbench: Pgbench | undefined): Promise<Round> {
  const result: Round = { newtask: {}, taskrun: {} }
  for (let turn = 0; turn < COMPETITORS.length; turn += 1) {
    const competitor = COMPETITORS[(round + turn) % COMPETITORS.length] ?? 'application'
    if (competitor === 'pgbench' && !pgbench) continue
    const runs = await runsOf(competitor, pgbench)
    result.newtask[competitor] = runs.newtask
    result.taskrun[competitor] = runs.taskrun
  }
  return result
}

/** Everybody asks for a task, then submits the task they got. */
async function runsOf(competitor: Competitor, pgbench: Pgbench | undefined): Promise<Record<Figure, Run>> {
  const [ours, forReference, forPgbench] = site.projects
  if (competitor === 'application') return ofApplication(ours)
  if (competitor === 'reference server') return ofReference(forReference)
  if (!pgbench) throw new Error('pgbench is not here')
  return ofPgbench(forPgbench, pgbench)
}

async function ofApplication({ id, token, firstContributor }: BenchProject): Promise<Record<Figure, Run>> {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
  const newtask = await load(site.web, REQUESTS, (n) => ({
    method: 'GET',
    path: `/api/project/${id}/newtask?external_uid=c${n}`,
    headers,
  }))
  const leases = await leasesOf(id)
  const taskrun = await load(site.web, REQUESTS, (n) => {
    const { contributor, task } = leaseAt(leases, n)
    const uid = `c${contributor - firstContributor}`
    return {
      method: 'POST',
      path: `/api/taskrun?external_uid=${uid}`,
      headers,
      body: JSON.stringify({ project_id: id, task_id: task, info: INFO, external_uid: uid }),
    }
  })
  return { newtask, taskrun }
}

async function ofReference({ id, firstContributor }: BenchProject): Promise<Record<Figure, Run>> {
  const newtask = await load(site.reference, REQUESTS, (n) => ({
    method: 'GET',
    path: `/newtask?project=${id}&contributor=${firstContributor + n}`,
  }))
  const leases = await leasesOf(id)
  const taskrun = await load(site.reference, REQUESTS, (n) => ({
    method: 'POST',
    path: '/taskrun',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ project: id, ...leaseAt(leases, n), info: INFO }),
  }))
  return { newtask, taskrun }
}

async function ofPgbench(
  { id, firstContributor }: BenchProject,
  pgbench: Pgbench,
): Promise<Record<Figure, Run>> {
  await site.database
    .query(`drop sequence if exists bench_turn; create sequence bench_turn minvalue 0 cache 1;
    grant usage on sequence bench_turn to app_rw`)
  const newtask = await pgbench.run(
    `select n.has_more, t.* from newtask_v2(${id}, ${firstContributor} + nextval('bench_turn') % ${CONTRIBUTORS}, 1, 0, 100) n
       left join task t on t.id = any (n.task_ids)`,
    REQUESTS,
  )
  await site.database.query(
    `drop table if exists bench_lease;
     create table bench_lease as select row_number() over (order by contributor_id) - 1 as turn, contributor_id, task_id
       from lease where project_id = ${id} and holds_place;
     alter table bench_lease add primary key (turn);
     grant select on bench_lease to app_rw;
     select setval('bench_turn', 0, false)`,
  )
  const taskrun = await pgbench.run(
    `select s.* from bench_lease l, submit_v2(${id}, l.task_id, l.contributor_id, false, '${JSON.stringify(INFO)}',
       null, null, null, null, null, 'pgbench') s where l.turn = (select nextval('bench_turn'))`,
    REQUESTS,
  )
  return { newtask, taskrun }
}

interface Lease {
  contributor: number
  task: number
}

async function leasesOf(project: number): Promise<Lease[]> {
  const { rows } = await site.database.query<Lease>(
    `select contributor_id::int as contributor, task_id::int as task from lease
      where project_id = $1 and holds_place order by contributor_id`,
    [project],
  )
  return rows
}

function leaseAt(leases: readonly Lease[], n: number): Lease {
  const lease = leases[n]
  if (!lease) throw new Error('Fewer people got a task than are to submit one')
  return lease
}

function print(all: readonly Round[]): void {
  console.log(
    `\n${CONNECTIONS} connections, ${cpus().length} processors, ${all.length} rounds; median (lowest to highest)\n`,
  )
  for (const figure of FIGURES) {
    for (const competitor of COMPETITORS) {
      const runs = all.flatMap((round) => round[figure][competitor] ?? [])
      if (runs.length === 0) continue
      const cpu = runs.flatMap(({ cpuMs }) => cpuMs ?? [])
      const perSecond = spread(
        runs.map((run) => run.perSecond),
        0,
      )
      const cpuText = cpu.length > 0 ? `   ${spread(cpu, 2)} ms of CPU each` : ''
      console.log(`${figure}  ${competitor.padEnd(17)} ${perSecond} requests/s${cpuText}`)
    }
    for (const other of ['reference server', 'pgbench'] as const) {
      const ratios = all.flatMap((round) => ratio(round[figure].application, round[figure][other]))
      if (ratios.length > 0) console.log(`${figure}  application / ${other.padEnd(17)} ${spread(ratios, 2)}`)
    }
  }
}

function ratio(a: Run | undefined, b: Run | undefined): number[] {
  return a && b ? [a.perSecond / b.perSecond] : []
}

function spread(values: readonly number[], digits: number): string {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (index: number) => (sorted[index] ?? 0).toFixed(digits)
  return `${at(Math.floor((sorted.length - 1) / 2))} (${at(0)} to ${at(sorted.length - 1)})`
}
