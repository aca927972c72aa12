import { fork, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'pg'
import { jobs } from '../../jobs/index.ts'
import { DATABASE, prepareDatabase } from '../../src/bin/local/postgres-database.ts'
import { postgresPlace, startPostgres } from '../../src/bin/local/postgres.ts'
import type { PostgresPlace } from '../../src/bin/local/postgres.ts'
import { findRedis, startRedis } from '../../src/bin/local/redis.ts'
import { createProject, openSecretKey, publishProject } from '../../src/domain/projects/project-service.ts'
import { savePresenter } from '../../src/domain/presenters/presenter-service.ts'
import { addTasks } from '../../src/domain/tasks/task-service.ts'
import type { TaskInput } from '../../src/domain/tasks/task-service.ts'
import { registerUser } from '../../src/domain/users/user-service.ts'
import { buildAssets } from '../../src/http/assets.ts'
import { createApp } from '../../src/platform/app.ts'
import type { App } from '../../src/platform/app.ts'
import { loadConfig } from '../../src/platform/config.ts'
import type { RequestDb } from '../../src/platform/database.ts'
import { createLogger } from '../../src/platform/log.ts'
import { migrate } from '../../src/platform/migrate.ts'
import { BIRDS } from '../support/presenter-project.ts'
import { freePort } from '../support/started-site.ts'

const TASKS = 3_000
const REDUNDANCY = 30
/** A multiple of the connections; each asks for one task and submits it in a round. */
export const CONTRIBUTORS = 4_800

/** One project for each of the competitors, all alike. */
export interface BenchProject {
  readonly id: number
  /** What another site's people come with. */
  readonly token: string
  /** The id of the first of CONTRIBUTORS; the others follow without gaps. */
  readonly firstContributor: number
}

export interface BenchServers {
  readonly database: Pool
  readonly databaseUrl: string
  readonly socketFolder: string
  readonly place: PostgresPlace
  readonly postgresPid: number
  readonly redisPid: number
  readonly env: Record<string, string>
  readonly web: { url: string; pid: number }
  readonly reference: { url: string; pid: number }
  stop(): Promise<void>
}

export interface BenchSite extends BenchServers {
  readonly projects: readonly [BenchProject, BenchProject, BenchProject]
}

/** The servers, and a project for each of the competitors. */
export async function startBenchSite(): Promise<BenchSite> {
  const servers = await startBenchServers()
  try {
    const [ours, forReference, forPgbench] = await makeProjects(
      servers,
      ['for-the-application', 'for-the-reference', 'for-pgbench'],
      addSome,
    )
    if (!ours || !forReference || !forPgbench) throw new Error('A project was not made')
    return { ...servers, projects: [ours, forReference, forPgbench] }
  } catch (error) {
    await servers.stop()
    throw error
  }
}

/** Gives a project 3,000 tasks, of which each wants 30 task runs. */
export function addSome(_app: App, db: () => RequestDb, projectId: number): Promise<unknown> {
  return db().write((tx) => addTasks(tx, projectId, tasks()))
}

/** PostgreSQL that waits for its disk, Redis, the application's web process and the reference server. */
export async function startBenchServers(): Promise<BenchServers> {
  const folder = mkdtempSync(join(tmpdir(), 'mh-'))
  const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
  let stopping: Promise<void> | undefined
  const stopAll = async () => {
    for (const end of ends.reverse()) await end()
  }
  const stop = () => (stopping ??= stopAll())
  try {
    return await startAll(folder, ends, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function startAll(
  folder: string,
  ends: (() => Promise<unknown>)[],
  stop: () => Promise<void>,
): Promise<BenchServers> {
  const place = await postgresPlace(join(folder, 'p'))
  const socketFolder = join(folder, 's')
  const postgres = await startPostgres(place, {
    folder: place.account.folder,
    socketFolder,
    maxConnections: 200,
    durable: true,
  })
  ends.push(() => postgres.stop())
  const programs = join(tmpdir(), 'manyhands-bench-programs')
  mkdirSync(programs, { recursive: true })
  const redis = await startRedis(await findRedis(programs), {
    folder: join(folder, 'redis'),
    socket: join(folder, 'r.sock'),
    use: 'queue',
  })
  ends.push(() => redis.stop())
  await prepareDatabase(postgres)
  const migratorUrl = postgres.url(DATABASE, 'migrator')
  await migrate(migratorUrl, createLogger('migrate', 'warn'))

  const port = await freePort()
  const env = {
    DATA_DIR: join(folder, 'data'),
    PORT: String(port),
    SITE_URL: `http://localhost:${port}`,
    DATABASE_WRITE_URL: postgres.url(DATABASE, 'app_rw'),
    DATABASE_READ_URL: postgres.url(DATABASE, 'app_ro'),
    DATABASE_DIRECT_URL: migratorUrl,
    DATABASE_POOL_MAX: '16',
    REDIS_CACHE_URL: redis.url,
    REDIS_QUEUE_URL: redis.url,
    APP_KEYS: JSON.stringify([{ id: 'bench', key: Buffer.alloc(32, 7).toString('base64url') }]),
    ASSETS_DIR: join(folder, 'assets'),
    RATE_LIMIT: 'off',
    LOG_LEVEL: 'warn',
  }
  await buildAssets({ outDir: env.ASSETS_DIR })
  const database = new Pool({ connectionString: migratorUrl, max: 2 })
  ends.push(() => database.end())

  const web = spawn(process.execPath, ['src/bin/web.ts'], {
    env: { ...process.env, ...env },
    stdio: 'inherit',
  })
  ends.push(() => ended(web))
  const reference = fork('test/bench/reference-server.ts', { env: { ...process.env, ...env } })
  ends.push(() => ended(reference))
  const [referencePort] = (await once(reference, 'message')) as [number]
  await untilAnswered(`${env.SITE_URL}/readyz`)

  return {
    database,
    databaseUrl: env.DATABASE_WRITE_URL,
    socketFolder,
    place,
    postgresPid: postgres.pid,
    redisPid: redis.pid,
    env,
    web: { url: env.SITE_URL, pid: pidOf(web) },
    reference: { url: `http://127.0.0.1:${referencePort}`, pid: pidOf(reference) },
    stop,
  }
}

/**
 * Published projects with CONTRIBUTORS people of another site each.
 *
 * @param fill gives a project its tasks.
 */
export async function makeProjects(
  { env, database }: Pick<BenchServers, 'env' | 'database'>,
  names: readonly string[],
  fill: (app: App, db: () => RequestDb, projectId: number) => Promise<unknown>,
): Promise<BenchProject[]> {
  const app = await createApp(loadConfig(env), 'bench', jobs)
  try {
    const db = () => app.database.open({ writes: true })
    const { user } = await registerUser(db(), {
      fullName: 'Bench Owner',
      name: 'bench-owner',
      email: 'bench@example.org',
      password: 'four plain bench words',
    })
    const made: BenchProject[] = []
    for (const name of names) {
      const project = await createProject(app, db(), user, {
        name,
        shortName: name,
        description: 'For the bench.',
      })
      const { id: presenterVersionId } = await savePresenter(db(), user, project, BIRDS)
      await fill(app, db, project.id)
      await publishProject(db(), user, { ...project, presenterVersionId })
      const firstContributor = await addContributors(database, project.id, CONTRIBUTORS)
      const token = await tokenOf(env['SITE_URL'] ?? '', name, await openSecretKey(app, project))
      made.push({ id: project.id, token, firstContributor })
    }
    return made
  } finally {
    await app.close()
  }
}

/** People of another site, `c0` and on; the id of the first, which the others follow without gaps. */
async function addContributors(database: Pool, projectId: number, count: number): Promise<number> {
  const { rows } = await database.query<{ first: number }>(
    `with made as (insert into contributor (kind, project_id, external_uid)
       select 'external', $1, 'c' || n from generate_series(0, $2 - 1) n returning id)
     select min(id)::int as first from made`,
    [projectId, count],
  )
  return rows[0]?.first ?? 0
}

async function* tasks(): AsyncGenerator<TaskInput> {
  for (let n = 1; n <= TASKS; n += 1) {
    const info = { picture: `https://pictures.example.org/${n}.jpg`, n }
    yield await Promise.resolve({ info, nAnswers: REDUNDANCY })
  }
}

async function tokenOf(siteUrl: string, shortName: string, secretKey: string): Promise<string> {
  const response = await fetch(`${siteUrl}/api/auth/project/${shortName}/token`, {
    headers: { Authorization: secretKey },
  })
  if (!response.ok) throw new Error(`No token for ${shortName}: ${response.status}`)
  return response.text()
}

export async function untilAnswered(url: string): Promise<void> {
  for (let waited = 0; waited < 30_000; waited += 100) {
    const response = await fetch(url).catch(() => undefined)
    if (response?.ok) return
    await sleep(100)
  }
  throw new Error(`${url} does not answer`)
}

export function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('A process did not start')
  return pid
}

export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}
