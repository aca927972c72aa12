import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { jobs } from '../../jobs/index.ts'
import { NODE_FLAGS } from '../../src/bin/local/node-flags.ts'
import { runProgram } from '../../src/bin/local/run-program.ts'
import { infoTable, wholeTable } from '../../src/domain/exports/copy-repository.ts'
import { scanCut, scanElements } from '../../src/domain/exports/cut-scan.ts'
import { requestExport } from '../../src/domain/exports/export-service.ts'
import { createProject } from '../../src/domain/projects/project-service.ts'
import type { Project } from '../../src/domain/projects/project-service.ts'
import { registerUser } from '../../src/domain/users/user-service.ts'
import type { User } from '../../src/domain/users/user-service.ts'
import { createApp } from '../../src/platform/app.ts'
import type { App } from '../../src/platform/app.ts'
import { loadConfig } from '../../src/platform/config.ts'
import { startBenchServers } from './bench-site.ts'
import type { BenchServers } from './bench-site.ts'
import { parentOf, secondsOfAll } from './cluster-cpu.ts'
import { judged, judgedSpread, printLines } from './report.ts'
import type { Line } from './report.ts'

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3)
const RUNS_PER_TASK = 10
const TIMES_OF_PSQL_MAX = 2
const MEMORY_MB_MAX = 200
const FIRST_PROGRESS_S_MAX = 2
/** Of the rows, when the worker is killed. */
const KILLED_AT = [0.25, 0.6]
const MEMORY_SAMPLE_MS = 100

interface Site {
  readonly app: App
  readonly servers: BenchServers
  readonly owner: User
  readonly project: Project
  readonly nRows: number
}

interface ExportRow {
  readonly id: number
  readonly state: string
  readonly cut: string
  readonly sha256: string | null
  readonly bytes: number
  readonly n_rows: number | null
  readonly n_rows_done: number
  readonly file_key: string
}

/** One export of many task runs, beside psql that copies the same into nothing. Resolves with whether all limits hold. */
export async function benchExports(nRows: number): Promise<boolean> {
  const servers = await startBenchServers()
  const app = await createApp(loadConfig(servers.env), 'bench', jobs)
  try {
    const site = await fillSite(app, servers, nRows)
    const lines = [...(await timed(site)), ...(await killed(site))]
    printLines(
      `Export of ${nRows.toLocaleString('en')} task runs with nested info as CSV, zipped and stored`,
      lines,
    )
    return lines.every(({ holds }) => holds !== false)
  } finally {
    await app.close()
    await servers.stop()
  }
}

async function fillSite(app: App, servers: BenchServers, nRows: number): Promise<Site> {
  const db = () => app.database.open({ writes: true })
  const person = { fullName: 'Bench Owner', name: 'bench-owner', email: 'bench@example.org' }
  const { user: owner } = await registerUser(db(), { ...person, password: 'four plain bench words' })
  const words = { name: 'Birds', shortName: 'birds', description: 'For the bench.' }
  const project = await createProject(app, db(), owner, words)
  const { database } = servers
  await database.query(
    `insert into contributor (kind, project_id, external_uid)
     select 'external', $1, 'person-' || n from generate_series(1, 2000) n`,
    [project.id],
  )
  for (let done = 0; done < nRows; done += 250_000) {
    await database.query(
      `insert into task_run (project_id, task_id, contributor_id, created, info, counted)
       select $1, n / ${RUNS_PER_TASK} + 1, (select min(id) from contributor) + n % 2000, now() - interval '30 seconds',
              jsonb_build_object(
                'species', (array['Robin', 'Great tit', 'Blackbird, male', 'none'])[1 + n % 4],
                'certain', n % 3 = 0, 'count', n % 7,
                'box', jsonb_build_object('x', n % 640, 'y', n % 480, 'size', jsonb_build_array(n % 90 + 0.5, n % 70)),
                'remarks', case when n % 10 = 0 then 'Sits "behind" the branch, seen ' || n end,
                'tags', case n % 3 when 0 then '["winter"]'::jsonb when 1 then '["winter", "garden"]' else '[]' end), true
         from generate_series($2::int, $3::int) n`,
      [project.id, done, Math.min(done + 250_000, nRows) - 1],
    )
  }
  await database.query('vacuum analyze')
  return { app, servers, owner, project, nRows }
}

/** Seconds of processor time of PostgreSQL, which hold on a machine with other things to do as well. */
async function createServerClock({ servers }: Site): Promise<() => number> {
  const { rows } = await servers.database.query<{ pid: number }>('select pg_backend_pid() as pid')
  const server = parentOf(rows[0]?.pid ?? 0)
  return () => secondsOfAll(server)
}

async function timed(site: Site): Promise<Line[]> {
  const serverSeconds = await createServerClock(site)
  const worker = startWorker(site)
  const ratios: number[] = []
  const firsts: number[] = []
  const memory: number[] = []
  const seconds = { ours: [] as number[], psql: [] as number[] }
  const cpu = { server: [] as number[], worker: [] as number[], psql: [] as number[] }
  try {
    for (let round = 0; round <= ROUNDS; round += 1) {
      const begin = { server: serverSeconds(), worker: secondsOfAll(worker.pid ?? 0) }
      const made = await exportOnce(site, worker)
      const end = { server: serverSeconds(), worker: secondsOfAll(worker.pid ?? 0) }
      const psql = await psqlSeconds(site, made.row.cut, serverSeconds)
      if (round === 0) continue
      seconds.ours.push(made.seconds)
      seconds.psql.push(psql.seconds)
      cpu.server.push(end.server - begin.server)
      cpu.worker.push(end.worker - begin.worker)
      cpu.psql.push(psql.serverSeconds)
      ratios.push(made.seconds / psql.seconds)
      firsts.push(made.firstProgress)
      memory.push(made.memoryMb)
      console.log(
        `Round ${round} of ${ROUNDS}: ${made.seconds.toFixed(1)} s, psql ${psql.seconds.toFixed(1)} s`,
      )
    }
  } finally {
    await ended(worker, 'SIGTERM')
  }
  return [
    judgedSpread('times psql with the same COPY statements', ratios, { max: TIMES_OF_PSQL_MAX }),
    judgedSpread('seconds to the first progress', firsts, { max: FIRST_PROGRESS_S_MAX }),
    judgedSpread('MB of memory of the worker at most', memory, { max: MEMORY_MB_MAX }),
    { name: 'seconds', value: seconds.ours.map((value) => value.toFixed(1)).join(' ') },
    { name: 'seconds of psql', value: seconds.psql.map((value) => value.toFixed(1)).join(' ') },
    { name: 'processor seconds of PostgreSQL', value: cpu.server.map((value) => value.toFixed(1)).join(' ') },
    { name: 'processor seconds of the worker', value: cpu.worker.map((value) => value.toFixed(1)).join(' ') },
    {
      name: 'processor seconds of PostgreSQL for psql',
      value: cpu.psql.map((value) => value.toFixed(1)).join(' '),
    },
  ]
}

async function exportOnce(site: Site, worker: ChildProcess) {
  const memory = watchMemory(worker)
  const begin = performance.now()
  const since = () => (performance.now() - begin) / 1_000
  const { id } = await ask(site)
  let firstProgress: number | undefined
  const row = await until(site, id, ({ n_rows: n, n_rows_done: done, state }) => {
    if (n !== null && done > 0) firstProgress ??= since()
    return state !== 'waiting' && state !== 'running'
  })
  if (row.state !== 'done' || row.n_rows !== site.nRows)
    throw new Error(`The export ended as ${JSON.stringify(row)}`)
  return { row, seconds: since(), firstProgress: firstProgress ?? since(), memoryMb: memory.stop() }
}

/** The worker is killed twice on the way; then the same cut is exported once more by one that is left alone. */
async function killed(site: Site): Promise<Line[]> {
  const { id } = await ask(site)
  for (const share of KILLED_AT) {
    const worker = startWorker(site)
    await until(site, id, ({ n_rows_done: done }) => done >= share * site.nRows)
    await ended(worker, 'SIGKILL')
    // What it had reached would be taken for the next one's progress.
    await site.servers.database.query('update project_export set n_rows_done = 0 where id = $1', [id])
  }
  const worker = startWorker(site)
  try {
    const first = await until(site, id, ({ state }) => state === 'done')
    const isWhole = sha256Of(site, first) === first.sha256 && first.n_rows === site.nRows
    await site.servers.database.query(
      `with again as (update project_export set state = 'waiting', sha256 = null where id = $1)
       insert into outbox (job, payload) values ('export-project', jsonb_build_object('exportId', $1::bigint))`,
      [id],
    )
    const second = await until(site, id, ({ state, sha256 }) => state === 'done' && sha256 !== null)
    const isSame = second.sha256 === first.sha256 && second.cut === first.cut
    return [
      judged('killed twice: checksum and count are those of its cut', Number(isWhole && isSame), { min: 1 }),
    ]
  } finally {
    await ended(worker, 'SIGTERM')
  }
}

function sha256Of({ app }: Site, { file_key: key }: ExportRow): string {
  return createHash('sha256')
    .update(readFileSync(join(app.config.folders.files, key)))
    .digest('hex')
}

async function ask({ app, owner, project }: Site): Promise<{ id: number }> {
  const db = app.database.open({ writes: true })
  return requestExport(app, db, owner, project, { what: 'task_run', format: 'csv' })
}

async function until(
  { servers }: Site,
  id: number,
  isThere: (row: ExportRow) => boolean,
): Promise<ExportRow> {
  for (;;) {
    const { rows } = await servers.database.query<ExportRow>(
      `select id::int, state, cut::text, sha256, bytes::float, n_rows::float, n_rows_done::float, file_key
         from project_export where id = $1`,
      [id],
    )
    const [row] = rows
    if (row && isThere(row)) return row
    if (row?.state === 'failed') throw new Error('The export failed')
    await sleep(50)
  }
}

/** What the export of a cut copies, by psql into nothing. */
async function psqlSeconds(
  { app, project, servers }: Site,
  cut: string,
  serverClock: () => number,
): Promise<{ seconds: number; serverSeconds: number }> {
  const ofProject = { projectId: project.id, cut, since: null }
  const db = app.database.open({ writes: false })
  const read = db.read.bind(db)
  const told = () => Promise.resolve()
  const scan = await scanCut(read, ofProject, 'task_run', { wantsColumns: true, told })
  const tables = [
    wholeTable(ofProject, 'task_run', scan),
    infoTable(ofProject, 'task_run', await scanElements(read, ofProject, 'task_run', scan)),
  ]
  const file = join(servers.socketFolder, 'copy.sql')
  writeFileSync(
    file,
    tables.flatMap((table) => scan.ranges.map((range) => `${table.statement(range)};\n`)).join(''),
  )
  const [begin, serverBegin] = [performance.now(), serverClock()]
  await runProgram('psql', ['-X', '-q', '-o', '/dev/null', '-f', file, servers.databaseUrl])
  return { seconds: (performance.now() - begin) / 1_000, serverSeconds: serverClock() - serverBegin }
}

function startWorker({ servers }: Site): ChildProcess {
  return spawn(process.execPath, [...NODE_FLAGS.worker, 'src/bin/worker.ts'], {
    env: { ...process.env, ...servers.env, WORKER_JOBS: 'export-project' },
    stdio: 'inherit',
  })
}

async function ended(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}

/** The most memory that a process has resident, in MB. */
function watchMemory({ pid }: ChildProcess): { stop(): number } {
  let most = 0
  const timer = setInterval(() => {
    const [, kilobytes = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    most = Math.max(most, Number(kilobytes) / 1_024)
  }, MEMORY_SAMPLE_MS)
  return {
    stop() {
      clearInterval(timer)
      return most
    },
  }
}
