import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { jobs } from '../../jobs/index.ts'
import { runProgram } from '../../src/bin/local/run-program.ts'
import { confirmImport, draftImport } from '../../src/domain/imports/import-service.ts'
import { createProject } from '../../src/domain/projects/project-service.ts'
import type { Project } from '../../src/domain/projects/project-service.ts'
import { registerUser } from '../../src/domain/users/user-service.ts'
import type { User } from '../../src/domain/users/user-service.ts'
import { createApp } from '../../src/platform/app.ts'
import type { App } from '../../src/platform/app.ts'
import { loadConfig } from '../../src/platform/config.ts'
import { startBenchServers } from './bench-site.ts'
import type { BenchServers } from './bench-site.ts'
import { judged, judgedSpread, printLines, spread } from './report.ts'

const ROUNDS = 2
const SINGLE_ROWS = 5
const RATIO_MIN = 0.4
const SINGLE_SECONDS_MAX = 1
/** The worker's memory is looked at so often, in milliseconds. */
const LOOK_MS = 250

interface Bench {
  readonly servers: BenchServers
  readonly app: App
  readonly owner: User
  readonly project: Project
  readonly worker: number
  readonly folder: string
}

/**
 * A list as CSV from upload to the last task, beside psql loading the same file into the same tables; then one new row
 * into the project that is full. Resolves with whether both limits hold.
 */
export async function benchImports(rows: number): Promise<boolean> {
  const servers = await startBenchServers()
  const folder = await mkdtemp(join(tmpdir(), 'mh-imports-'))
  const worker = spawn(process.execPath, ['src/bin/worker.ts'], {
    env: { ...process.env, ...servers.env },
    stdio: 'inherit',
  })
  const app = await createApp(loadConfig(servers.env), 'bench', jobs)
  try {
    const owner = await makeOwner(app)
    const project = await makeProject(app, owner)
    return await measure({ servers, app, owner, project, worker: worker.pid ?? 0, folder }, rows)
  } finally {
    await app.close()
    worker.kill('SIGTERM')
    await once(worker, 'exit')
    await servers.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function measure(bench: Bench, rows: number): Promise<boolean> {
  const list = join(bench.folder, 'tasks.csv')
  await pipeline(Readable.from(listOf(rows)), createWriteStream(list))
  const ours: number[] = []
  const psql: number[] = []
  const memory: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const turns = [
      async () => psql.push(await timed(bench, () => loadByPsql(bench, list))),
      async () => {
        const watch = watchMemory(bench.worker)
        ours.push(await timed(bench, () => importList(bench, () => createReadStream(list))))
        memory.push(watch.stop())
      },
    ]
    // The project is left full by ourselves, for the single rows.
    for (const turn of round % 2 === ROUNDS % 2 ? turns.reverse() : turns) await turn()
  }
  const single: number[] = []
  for (let n = 0; n < SINGLE_ROWS; n += 1) {
    const [row] = listOf(1, rows + n)
    single.push(await seconds(() => importList(bench, () => Readable.from([row]))))
  }
  const again = await seconds(() => importList(bench, () => createReadStream(list)))
  const ratios = ours.map((time, round) => (psql[round] ?? Number.NaN) / time)
  const speed = judgedSpread('speed, import / psql', ratios, { min: RATIO_MIN })
  const one = judgedSpread('seconds for one new row', single, { max: SINGLE_SECONDS_MAX })
  const isUnchanged = judged(
    'tasks that the same file adds',
    (await countTasks(bench)) - rows - SINGLE_ROWS,
    {
      max: 0,
    },
  )
  printLines(`An import of ${rows.toLocaleString('en')} rows of CSV, and of one row after it`, [
    { name: 'seconds, upload to last task', value: spread(ours, 1) },
    { name: 'seconds, psql', value: spread(psql, 1) },
    speed,
    one,
    { name: 'seconds, the same file again', value: again.toFixed(1) },
    isUnchanged,
    { name: 'MB of memory, worker at most', value: spread(memory, 0) },
  ])
  return [speed, one, isUnchanged].every(({ holds }) => holds)
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now()
  await work()
  return (performance.now() - begin) / 1_000
}

/** Both begin with the same empty tables and nothing left to write to disk. */
async function timed({ servers }: Bench, work: () => Promise<unknown>): Promise<number> {
  await servers.database.query('truncate task, task_sched')
  await servers.database.query('vacuum task')
  return seconds(work)
}

function* listOf(rows: number, from = 0): Generator<string, void, undefined> {
  const end = from + rows
  for (let n = from; n < end; n += 1) {
    const row = `${n},https://pictures.example.org/${n}.jpg,"River bank, camera ${n % 97}",Is there a bird?\n`
    yield n === from ? `number,picture,place,question\n${row}` : row
  }
}

async function importList({ app, owner, project }: Bench, content: () => Readable): Promise<void> {
  const db = () => app.database.open({ writes: true })
  const sent = { importer: 'csv', fileName: 'tasks.csv', content: content() }
  const id = await draftImport(app, db(), owner, project, sent)
  await confirmImport(app, db(), owner, project, { record: { id }, options: { redundancy: 3 } })
  for (;;) {
    const { rows } = await app.database.pools.write.query<{ state: string; error: string }>(
      'select state, error from task_import where id = $1',
      [id],
    )
    if (rows[0]?.state === 'done') return
    if (rows[0]?.state === 'failed') throw new Error(rows[0].error)
    await sleep(20)
  }
}

async function countTasks({ servers, project }: Bench): Promise<number> {
  const { rows } = await servers.database.query<{ n: number }>(
    'select count(*)::int as n from task where project_id = $1',
    [project.id],
  )
  return rows[0]?.n ?? 0
}

/** What somebody who knows the tables would type: COPY into a temporary table, then both inserts. */
async function loadByPsql({ servers, project, folder }: Bench, list: string): Promise<void> {
  const script = join(folder, 'load.sql')
  await writeFile(
    script,
    `begin;
     create temporary table list (number text, picture text, place text, question text) on commit drop;
     \\copy list from '${list}' with (format csv, header)
     with added as (
       insert into task (project_id, info, n_answers, info_hash)
       select ${project.id}, info, 3, sha256(convert_to(info::text, 'UTF8'))
         from (select jsonb_build_object('number', number, 'picture', picture, 'place', place, 'question', question) as info
                 from list) l
       returning id)
     insert into task_sched (task_id, project_id, n_answers, sched, ord)
     select id, ${project.id}, 3, k.kind, order_key_v1(k.kind, id, 0)
       from added, (select order_kind_v1(scheduler) as kind from project where id = ${project.id}) k;
     commit;\n`,
  )
  const url = servers.env['DATABASE_DIRECT_URL'] ?? ''
  await runProgram('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', url, '-f', script])
}

async function makeOwner(app: App): Promise<User> {
  const form = { fullName: 'Bench Owner', name: 'bench-owner', email: 'bench@example.org' }
  const db = app.database.open({ writes: true })
  return (await registerUser(db, { ...form, password: 'four plain bench words' })).user
}

function makeProject(app: App, owner: User): Promise<Project> {
  const input = { name: 'for-imports', shortName: 'for-imports', description: 'For the bench.' }
  return createProject(app, app.database.open({ writes: true }), owner, input)
}

/** The largest resident memory of a process while it is watched, in MB. */
function watchMemory(pid: number): { stop(): number } {
  let largest = 0
  const look = async () => {
    const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
    largest = Math.max(largest, Number(/VmRSS:\s+(\d+)/.exec(text)?.[1] ?? 0) / 1_024)
  }
  const timer = setInterval(() => void look(), LOOK_MS)
  return {
    stop() {
      clearInterval(timer)
      return largest
    },
  }
}
