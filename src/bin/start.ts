import { readdirSync, watch, writeFileSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { jobs } from '../../jobs/index.ts'
import { buildAssets } from '../http/assets.ts'
import { createApp } from '../platform/app.ts'
import { checkGiven, loadConfig } from '../platform/config.ts'
import { createLogger } from '../platform/log.ts'
import { migrate } from '../platform/migrate.ts'
import { mustReachDatabases } from './local/given-databases.ts'
import { recordProcess, recordedProcess } from './local/os-process.ts'
import { DATABASE, prepareDatabase } from './local/postgres-database.ts'
import { postgresPlace, startPostgres } from './local/postgres.ts'
import { findRedis, startRedis } from './local/redis.ts'
import { applicationKeyFile, makeSocketFolder, mustBeFree, startSettings } from './local/settings.ts'
import type { StartSettings } from './local/settings.ts'
import { endLeftovers, supervise } from './local/supervisor.ts'
import type { Supervised } from './local/supervisor.ts'
import { seedDemo } from './seed-demo.ts'
import type { BegunDemo, DemoOwner } from './seed-demo.ts'

/** What is running, in the order in which it was started; stopped the other way round. */
const running: { stop(): Promise<void> }[] = []
let isStopping = false

process.on('SIGINT', () => void stopAll(0))
process.on('SIGTERM', () => void stopAll(0))

try {
  await start(startSettings(process.env))
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : String(error)}`)
  await stopAll(1)
}

async function start(settings: StartSettings): Promise<void> {
  const began = Date.now()
  const { dataDir } = settings
  checkGiven(process.env)
  refuseSecondStart(settings)
  await endLeftovers(dataDir)
  await mustBeFree(settings.host, settings.port)
  if (settings.databaseUrl !== undefined) await mustReachDatabases(process.env)
  const env = await step('Application key and servers', () => serverEnvironment(settings))
  recordProcess(join(dataDir, 'start.json'), process.pid, settings.url)
  const config = loadConfig(env)
  await step('Database schema', () => migrate(config.database.directUrl, createLogger('migrate', 'warn')))
  await step('Files for the browser', () => buildAssets({ outDir: config.folders.assets }))
  const owner = await step('Demo project', () => seed(env, settings))

  const webs = startProcesses(env, settings)
  await step('Web server', () => untilReady(settings))
  if (process.argv.includes('--watch')) watchSources(webs, config.folders.assets)
  console.log(
    `\n  Manyhands is running after ${((Date.now() - began) / 1000).toFixed(1)} s:  ${settings.url}\n`,
  )
  if (owner) {
    console.log(
      `  Demo owner   ${owner.email}\n  Password     ${owner.password}\n  API key      ${owner.apiKey}\n`,
    )
  }
  console.log('  Ctrl-C stops everything.\n')
}

/** Starts the servers that are not given, and says where they are. */
async function serverEnvironment(settings: StartSettings): Promise<NodeJS.ProcessEnv> {
  const { dataDir, databaseUrl, redisUrls } = settings
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    DATA_DIR: dataDir,
    HOST: settings.host,
    PORT: String(settings.port),
    SITE_URL: settings.url,
    APP_KEYS_FILE: process.env['APP_KEYS_FILE'] ?? applicationKeyFile(dataDir),
    LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'warn',
    ...compileCache(dataDir),
  }
  const sockets = makeSocketFolder(dataDir)
  running.push({ stop: () => rm(sockets, { recursive: true, force: true }) })
  const [database, redis] = await Promise.all([
    databaseUrl === undefined ? ownDatabase(dataDir, sockets) : {},
    redisUrls.cache === undefined || redisUrls.queue === undefined ? ownRedis(settings, sockets) : {},
  ])
  return { ...env, ...database, ...redis }
}

/** Node keeps compiled modules there, so that a process starts sooner; what measures coverage reads them anew. */
function compileCache(dataDir: string): NodeJS.ProcessEnv {
  return process.env['NODE_V8_COVERAGE'] === undefined
    ? { NODE_COMPILE_CACHE: join(dataDir, 'compiled') }
    : {}
}

async function ownDatabase(dataDir: string, sockets: string): Promise<NodeJS.ProcessEnv> {
  const place = await postgresPlace(join(dataDir, 'postgres'))
  const server = await startPostgres(place, {
    folder: place.account.folder,
    socketFolder: join(sockets, 'pg'),
    maxConnections: 100,
    durable: true,
  })
  running.unshift(server)
  await prepareDatabase(server)
  return {
    DATABASE_WRITE_URL: server.url(DATABASE, 'app_rw'),
    DATABASE_READ_URL: server.url(DATABASE, 'app_ro'),
    DATABASE_DIRECT_URL: server.url(DATABASE, 'migrator'),
  }
}

async function ownRedis({ dataDir, redisUrls }: StartSettings, sockets: string): Promise<NodeJS.ProcessEnv> {
  const program = await findRedis(join(dataDir, 'programs'))
  const env: NodeJS.ProcessEnv = {}
  for (const use of ['cache', 'queue'] as const) {
    if (redisUrls[use] !== undefined) continue
    const socket = join(sockets, `${use}.sock`)
    const server = await startRedis(program, { folder: join(dataDir, `redis-${use}`), socket, use })
    running.unshift(server)
    env[`REDIS_${use.toUpperCase()}_URL`] = server.url
  }
  return env
}

/**
 * Seeds a site that has nobody yet. The ways in are kept in demo.json; without an API key in it an earlier start was cut
 * short while it seeded, and this one goes on.
 */
async function seed(env: NodeJS.ProcessEnv, { dataDir, url }: StartSettings): Promise<DemoOwner | undefined> {
  const file = join(dataDir, 'demo.json')
  const begun = await readDemo(file)
  if (begun && 'apiKey' in begun) return begun
  const keep = (demo: DemoOwner | BegunDemo) => {
    writeFileSync(file, `${JSON.stringify({ url, ...demo })}\n`, { mode: 0o600 })
  }
  const app = await createApp(loadConfig({ ...env, LOG_LEVEL: 'error' }), 'seed', jobs)
  try {
    const owner = await seedDemo(app, begun, keep)
    if (owner) keep(owner)
    return owner
  } finally {
    await app.close()
  }
}

async function readDemo(file: string): Promise<DemoOwner | BegunDemo | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as DemoOwner | BegunDemo
  } catch {
    // Not seeded yet, or a site with accounts of its own.
    return undefined
  }
}

/** @returns the web processes: one while sources are watched, else as many as are set, on one port. */
function startProcesses(env: NodeJS.ProcessEnv, { dataDir, webProcesses }: StartSettings): Supervised[] {
  const isWatched = process.argv.includes('--watch')
  const count = isWatched ? 1 : webProcesses
  const more = {
    ...(isWatched ? { TEMPLATES_WATCH: 'on' } : {}),
    ...(count > 1 ? { PORT_SHARED: 'on' } : {}),
  }
  const options = { dataDir, env: { ...env, ...more }, onHopeless: () => void stopAll(1) }
  const worker = supervise('worker', options)
  const webs = Array.from({ length: count }, (_, n) => supervise('web', { ...options, number: n + 1 }))
  running.unshift(supervise('scheduler', options), ...webs, worker)
  return webs
}

async function untilReady({ port, host }: StartSettings): Promise<void> {
  for (let waited = 0; waited < 30_000 && !isStopping; waited += 50) {
    const response = await fetch(`http://${host}:${port}/readyz`).catch(() => undefined)
    if (response?.ok) return
    await sleep(50)
  }
  throw new Error('The web server does not answer')
}

/** For `npm run dev`: web is started again when a source changes, and the browser's files are built anew. */
function watchSources(webs: readonly Supervised[], outDir: string): void {
  let timer: NodeJS.Timeout | undefined
  watchFolders(fileURLToPath(new URL('..', import.meta.url)), () => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      buildAssets({ outDir })
        .then(() => {
          for (const web of webs) web.restart()
        })
        .catch((error: unknown) => {
          console.error(error instanceof Error ? error.message : error)
        })
    }, 50)
  })
}

/** Folder by folder: a recursive watch of Node loses a file that an editor saves by renaming another one onto it. */
function watchFolders(root: string, onChange: () => void): void {
  const watched = new Set<string>()
  function watchNew(): void {
    const found = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    )
    for (const folder of [root, ...found.map(({ parentPath, name }) => join(parentPath, name))]) {
      if (watched.has(folder)) continue
      watched.add(folder)
      watch(folder, () => {
        watchNew()
        onChange()
      })
    }
  }
  watchNew()
}

function refuseSecondStart({ dataDir }: StartSettings): void {
  const other = recordedProcess(join(dataDir, 'start.json'))
  if (other && other.pid !== process.pid) {
    const place = other.url === undefined ? '' : ` at ${other.url}`
    throw new Error(`Manyhands is running in ${dataDir} already (process ${other.pid})${place}`)
  }
}

async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  const began = Date.now()
  const value = await work()
  console.log(`  ${name.padEnd(30)} ${((Date.now() - began) / 1000).toFixed(1)} s`)
  return value
}

async function stopAll(status: number): Promise<void> {
  if (isStopping) return
  isStopping = true
  if (running.length > 0) console.log('\nStopping …')
  for (const server of running) {
    await server.stop().catch((error: unknown) => {
      console.error(error instanceof Error ? error.message : error)
    })
  }
  process.exit(status)
}
