import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import pg from 'pg'
import { jobs } from '../../jobs/index.ts'
import { listFailures, retryFailure } from '../../src/domain/failures/failure-service.ts'
import { createProject } from '../../src/domain/projects/project-service.ts'
import type { Project } from '../../src/domain/projects/project-service.ts'
import { addTasks } from '../../src/domain/tasks/task-service.ts'
import { registerUser } from '../../src/domain/users/user-service.ts'
import type { User } from '../../src/domain/users/user-service.ts'
import { findRedis, startRedis } from '../../src/bin/local/redis.ts'
import type { RedisServer } from '../../src/bin/local/redis.ts'
import { createApp } from '../../src/platform/app.ts'
import type { App } from '../../src/platform/app.ts'
import { loadConfig } from '../../src/platform/config.ts'
import type { RequestDb } from '../../src/platform/database.ts'
import type { JobCatalogue } from '../../src/platform/job.ts'
import { startJobs } from '../../src/platform/job-runner.ts'
import type { JobName } from '../../src/platform/queue.ts'
import { startLoop } from '../../src/platform/loop.ts'
import type { Json } from '../../src/platform/schema.ts'
import { lastFirst } from './file-ending.ts'
import { createTestDatabase, testRedis } from './servers.ts'
import type { Ending } from './servers.ts'

export interface JobApp extends Ending {
  readonly app: App
  /** The settings it runs with, for processes of one's own. */
  readonly env: Readonly<Record<string, string>>
  /** A handle that may write, and reads what is there: of what `sql` and other handles wrote it knows no position. */
  db(): RequestDb
  /** Rows of a statement on the primary, past all layers. */
  sql(statement: string, values?: unknown[]): Promise<Record<string, unknown>[]>
  /** Runs a statement as the owner of the schema. */
  asMigrator(statement: string): Promise<void>
}

/** The parts of a process without its web server, on a database (with replica) and a Redis prefix of its own. */
export async function startJobApp(
  t: Ending,
  settings: Record<string, string> = {},
  ownRedis?: { readonly queue: Record<string, string>; end(): Promise<void> },
): Promise<JobApp> {
  const inOrder = lastFirst(t)
  if (ownRedis) inOrder.after(() => ownRedis.end())
  const [database, redis, data] = await Promise.all([
    createTestDatabase(inOrder),
    testRedis(inOrder),
    mkdtemp(join(tmpdir(), 'manyhands-jobs-')),
  ])
  const env = {
    DATA_DIR: data,
    SITE_URL: 'http://localhost:3000',
    DATABASE_WRITE_URL: database.writeUrl,
    DATABASE_READ_URL: database.readUrl,
    DATABASE_DIRECT_URL: database.directUrl,
    DATABASE_POOL_MAX: '8',
    REDIS_CACHE_URL: redis.cacheUrl,
    REDIS_QUEUE_URL: redis.queueUrl,
    ...ownRedis?.queue,
    REDIS_PREFIX: redis.prefix,
    APP_KEYS: JSON.stringify([{ id: 'test', key: Buffer.alloc(32, 7).toString('base64url') }]),
    LOG_LEVEL: 'silent',
    ...settings,
  }
  const app = await createApp(loadConfig(env), 'test', jobs)
  inOrder.after(async () => {
    await app.close()
    await rm(data, { recursive: true, force: true })
  })
  return {
    ...inOrder,
    app,
    env,
    db: () => app.database.open({ writes: true, position: 'unknown' }),
    async sql(statement, values) {
      const { rows } = await app.database.pools.write.query<Record<string, unknown>>(statement, values)
      return rows
    },
    async asMigrator(statement) {
      const client = new pg.Client({ connectionString: database.directUrl })
      await client.connect()
      await client.query(statement)
      await client.end()
    },
  }
}

export interface OwnRedis {
  /** The settings that lead to it as the queue. */
  readonly queue: Record<string, string>
  /** Forgets everything, as a server does that was lost. */
  flush(): Promise<void>
  stop(): Promise<void>
  start(): Promise<void>
  end(): Promise<void>
}

/** A Redis of one test's own, to be wiped and stopped. Whoever starts it hands it to `startJobApp`, which ends it. */
export async function startOwnRedis(): Promise<OwnRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'mh-r-'))
  const program = await findRedis(folder)
  const socket = join(folder, 'r.sock')
  let server: RedisServer | undefined
  const own: OwnRedis = {
    queue: { REDIS_QUEUE_URL: `unix://${socket}` },
    async flush() {
      const client = new Redis({ path: socket })
      await client.flushall()
      client.disconnect()
    },
    async stop() {
      await server?.stop()
      server = undefined
    },
    async end() {
      await own.stop()
      await rm(folder, { recursive: true, force: true })
    },
    async start() {
      server = await startRedis(program, { folder: join(folder, 'redis'), socket, use: 'queue' })
    },
  }
  await own.start()
  return own
}

/** Takes jobs in this process until the test ends: all, or only the one named. */
export function work(
  { app, after }: Pick<JobApp, 'app' | 'after'>,
  catalogue: JobCatalogue = jobs,
  only?: JobName,
) {
  const relay = startLoop('relay the outbox', 50, () => app.queue.sweep().then(() => false), app.log)
  const runner = startJobs(app, catalogue, only && new Map([[only, undefined]]))
  let isStopped = false
  const stop = async (milliseconds = 5_000): Promise<void> => {
    if (isStopped) return
    isStopped = true
    await relay.stop()
    await runner.stop(milliseconds)
  }
  after(() => stop())
  return { stop }
}

/** Looks again and again until something is there. @throws when it is not there in time. */
export async function eventually<T>(
  look: () => Promise<T | false | undefined> | T | false | undefined,
  milliseconds = 30_000,
): Promise<T> {
  for (const end = Date.now() + milliseconds; Date.now() < end;) {
    const found = await look()
    if (found !== false && found !== undefined) return found
    await sleep(20)
  }
  throw new Error(`It did not happen within ${milliseconds} ms`)
}

/** Waits until every job of the outbox has ended. */
export async function untilJobsEnd({ sql }: JobApp, milliseconds = 30_000): Promise<void> {
  await eventually(async () => {
    const [row] = await sql('select count(*) as n from outbox where done is null and failed is null')
    return row?.['n'] === 0
  }, milliseconds)
}

/** Lets the only job that failed for good begin anew, as an admin does. */
export async function retryOnlyFailure({ app, db }: JobApp): Promise<void> {
  const admin = { id: 0, isAdmin: true }
  const { latest: failures } = await listFailures(db(), admin)
  for (const { id } of failures) await retryFailure(app, db(), admin, id)
  if (failures.length !== 1) throw new Error(`${failures.length} jobs had failed`)
}

/** Lets the time pass after which a row without a sign of life is handed out again. */
export async function letRepeatTimePass({ sql }: JobApp): Promise<void> {
  await sql('update outbox set not_before = now() where done is null and failed is null')
}

export async function newOwner({ db }: JobApp): Promise<User> {
  const name = `u${randomUUID().slice(0, 8)}`
  const form = { fullName: `Test ${name}`, name, email: `${name}@example.org`, password: 'four plain words' }
  return (await registerUser(db(), form)).user
}

/** A draft project with these tasks. */
export async function newProject(
  { app, db, sql }: JobApp,
  owner: User,
  infos: readonly Json[] = [],
  shortName = `p-${randomUUID().slice(0, 8)}`,
): Promise<Project> {
  const input = { name: `Project ${shortName}`, shortName, description: 'A project of a test' }
  const project = await createProject(app, db(), owner, input)
  // What follows from a finished task follows at once.
  await sql('update project set undo_seconds = 0 where id = $1', [project.id])
  await db().write((tx) => addTasks(tx, project.id, tasksOf(infos)))
  return project
}

async function* tasksOf(infos: readonly Json[]) {
  for (const info of infos) yield { info, nAnswers: 2 }
}
