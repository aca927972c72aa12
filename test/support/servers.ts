import { createHash, randomUUID } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import pg from 'pg'
import { postgresPlace, socketUrl, startPostgres } from '../../src/bin/local/postgres.ts'
import type { PostgresPlace, PostgresRole, PostgresServer } from '../../src/bin/local/postgres.ts'
import { DATABASE, prepareDatabase } from '../../src/bin/local/postgres-database.ts'
import { makeServerFolder } from '../../src/bin/local/server-account.ts'
import { findRedis, startRedis } from '../../src/bin/local/redis.ts'
import type { RedisServer } from '../../src/bin/local/redis.ts'
import { buildAssets } from '../../src/http/assets.ts'
import { createLogger } from '../../src/platform/log.ts'
import { migrate, migrationsFolder } from '../../src/platform/migrate.ts'

/** Addresses that the set-up tells test files. */
interface Addresses {
  primary: string
  replica: string
  redis: string
  assets: string
}

const VARIABLE = 'MANYHANDS_TEST_SERVERS'

export interface TestServers {
  addresses: Addresses
  stop(): Promise<void>
}

let started: Promise<TestServers> | undefined

/** The servers of this run: the ones of the global set-up, else own ones that end with this process. */
async function addresses(): Promise<Addresses> {
  const told = process.env[VARIABLE]
  if (told) return JSON.parse(told) as Addresses
  started ??= startTestServers()
  const servers = await started
  process.once('beforeExit', () => void servers.stop())
  return servers.addresses
}

/** Starts a primary, a streaming replica of it and a Redis; makes the migrated template and the browser's files. */
export async function startTestServers(): Promise<TestServers> {
  const folder = mkdtempSync(join(tmpdir(), 'mh-'))
  const cache = cacheFolder()
  const isMeasured = process.env['MANYHANDS_BROWSER_COVERAGE'] !== undefined
  // Two checkouts that are tested at once must not take each other's.
  const checkout = createHash('sha256')
    .update(import.meta.url)
    .digest('hex')
    .slice(0, 8)
  const assets = join(cache, `assets${isMeasured ? '-to-measure' : ''}-${checkout}`)
  const [{ primary, replica }, redis] = await Promise.all([
    startDatabases(folder),
    startTestRedis(folder, cache),
    buildAssets({ outDir: assets, minify: !isMeasured }),
  ])
  const addresses = { primary: primary.socketFolder, replica: replica.socketFolder, redis: redis.url, assets }
  process.env[VARIABLE] = JSON.stringify(addresses)
  return {
    addresses,
    async stop() {
      await Promise.all([replica.stop(), redis.stop()])
      await primary.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function startTestRedis(folder: string, cache: string): Promise<RedisServer> {
  const program = await findRedis(cache)
  return startRedis(program, { folder: join(folder, 'redis'), socket: join(folder, 'r.sock'), use: 'queue' })
}

/** A primary and a replica from copies of the same cluster. */
async function startDatabases(folder: string): Promise<{ primary: PostgresServer; replica: PostgresServer }> {
  const [primaryFolder, replicaFolder] = [join(folder, 'p'), join(folder, 'q')]
  const place = await copyMigratedCluster(primaryFolder)
  await copyMigratedCluster(replicaFolder)
  const settings = { maxConnections: 300, durable: false }
  const primary = await startPostgres(place, {
    ...settings,
    folder: primaryFolder,
    socketFolder: join(folder, 'ps'),
  })
  const replica = await startPostgres(place, {
    ...settings,
    folder: replicaFolder,
    socketFolder: join(folder, 'qs'),
    follow: primary.socketFolder,
  })
  return { primary, replica }
}

/** Programs and prepared clusters that one test run leaves for the next. */
export function cacheFolder(): string {
  const cache = join(tmpdir(), `manyhands-test-cache-${process.getuid?.() ?? 0}`)
  mkdirSync(cache, { recursive: true, mode: 0o700 })
  return cache
}

/**
 * Makes the folder of a server whose cluster has the roles and the migrated, empty database: initdb and the migrations
 * run once for each state of the migrations, afterwards this is a copy.
 */
export async function copyMigratedCluster(target: string): Promise<PostgresPlace> {
  const place = await postgresPlace(cacheFolder())
  const prepared = join(place.account.folder, `cluster-${migrationsHash()}`)
  if (!existsSync(prepared)) await prepareCluster(prepared)
  makeServerFolder(place.account, target)
  cpSync(join(prepared, 'cluster'), join(target, 'cluster'), { recursive: true, mode: 0 })
  // The copy is made with the umask's permissions; PostgreSQL insists on its own.
  chmodSync(join(target, 'cluster'), 0o700)
  return place
}

async function prepareCluster(prepared: string): Promise<void> {
  const making = mkdtempSync(`${prepared}-`)
  const place = await postgresPlace(making)
  const server = await startPostgres(place, {
    folder: making,
    socketFolder: join(making, 's'),
    maxConnections: 20,
    durable: false,
  })
  try {
    await prepareDatabase(server)
    await migrate(server.url(DATABASE, 'migrator'), createLogger('test', 'silent'))
  } finally {
    await server.stop()
  }
  rmSync(join(making, 's'), { recursive: true, force: true })
  try {
    renameSync(making, prepared)
  } catch {
    // Another run was faster; both are the same.
    rmSync(making, { recursive: true, force: true })
  }
}

/** Changes whenever a migration, or a function that one includes, does. */
function migrationsHash(): string {
  const hash = createHash('sha256')
  const functions = join(migrationsFolder, '../domain/assignment/sql')
  for (const folder of [migrationsFolder, functions]) {
    for (const file of readdirSync(folder).sort()) hash.update(file).update(readFileSync(join(folder, file)))
  }
  return hash.digest('hex').slice(0, 16)
}

/** What something started for tests ends with: one test, or all of a file (`{ after }` of node:test). */
export interface Ending {
  after(end: () => unknown): void
}

export interface TestDatabase {
  readonly name: string
  readonly writeUrl: string
  /** Leads to the replica: a query sent to the wrong pool fails, or misses what was just written. */
  readonly readUrl: string
  readonly directUrl: string
}

/** An empty, migrated database of this test's own, on the primary and its replica. */
export async function createTestDatabase(t: Ending): Promise<TestDatabase> {
  const { primary, replica } = await addresses()
  const name = `t_${randomUUID().replaceAll('-', '')}`
  await asSuperuser(primary, 'postgres', async (client) => {
    await client.query(`create database ${name} template ${DATABASE} owner migrator`)
  })
  t.after(async () => {
    await asSuperuser(primary, 'postgres', (client) =>
      client.query(`drop database if exists ${name} with (force)`),
    )
  })
  const url = (folder: string, role: PostgresRole) => socketUrl(folder, name, role)
  const database = {
    name,
    writeUrl: url(primary, 'app_rw'),
    readUrl: url(replica, 'app_ro'),
    directUrl: url(primary, 'migrator'),
  }
  await waitForReplica()
  return database
}

/** Waits until the replica shows everything that the primary has committed by now. */
export async function waitForReplica(milliseconds = 10_000): Promise<void> {
  const { primary, replica } = await addresses()
  const position = await asSuperuser(primary, 'postgres', async (client) => {
    const { rows } = await client.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn')
    return rows[0]?.lsn
  })
  await asSuperuser(replica, 'postgres', async (client) => {
    for (let waited = 0; waited < milliseconds; waited += 10) {
      const { rows } = await client.query<{ ready: boolean }>(
        'select pg_last_wal_replay_lsn() >= $1::pg_lsn as ready',
        [position],
      )
      if (rows[0]?.ready === true) return
      await sleep(10)
    }
    throw new Error('The replica does not catch up')
  })
}

/** Keeps the replica so many milliseconds behind the primary, until the test ends. */
export async function lagReplica(t: Ending, milliseconds: number): Promise<void> {
  const { replica } = await addresses()
  const delay = (value: string) =>
    asSuperuser(replica, 'postgres', async (client) => {
      await client.query(`alter system set recovery_min_apply_delay = '${value}'`)
      await client.query('select pg_reload_conf()')
    })
  await delay(`${milliseconds}ms`)
  t.after(() => delay('0'))
}

/** The name of an application's database. */
export function databaseOf(env: Readonly<Record<string, string>>): string {
  return new URL(env['DATABASE_DIRECT_URL'] ?? '').pathname.slice(1)
}

/** Works as the superuser of the primary. */
export async function onPrimary<T>(database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const { primary } = await addresses()
  return asSuperuser(primary, database, work)
}

async function asSuperuser<T>(
  folder: string,
  database: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: socketUrl(folder, database, 'postgres') })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** A Redis for this test under a prefix of its own, whose keys are removed afterwards. */
export async function testRedis(t: Ending): Promise<{ cacheUrl: string; queueUrl: string; prefix: string }> {
  const { redis: url } = await addresses()
  const prefix = `t-${randomUUID().slice(0, 8)}`
  t.after(async () => {
    const redis = new Redis({ path: new URL(url).pathname })
    const keys = await redis.keys(`${prefix}:*`)
    if (keys.length > 0) await redis.del(keys)
    redis.disconnect()
  })
  return { cacheUrl: url, queueUrl: url, prefix }
}

/** Where the browser's files were built. */
export async function assetsFolder(): Promise<string> {
  return (await addresses()).assets
}
