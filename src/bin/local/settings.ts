import { createHash, randomBytes } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** Where `npm start` puts its things and listens. */
export interface StartSettings {
  dataDir: string
  host: string
  port: number
  url: string
  /** How many web processes share the port. */
  webProcesses: number
  /** Set when the command is pointed at real servers instead of its own. */
  databaseUrl: string | undefined
  redisUrls: { cache: string | undefined; queue: string | undefined }
}

/** Beyond this many, a machine's cores are better left to its database. */
const WEB_PROCESSES_MAX = 4

/** @throws Error when PORT is not a port, or WEB_PROCESSES not a number. */
export function startSettings(env: NodeJS.ProcessEnv): StartSettings {
  const port = Number(env['PORT'] || 3000)
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error(`PORT=${env['PORT']} is not a port.`)
  return {
    dataDir: resolve(env['DATA_DIR'] || '.data'),
    host: env['HOST'] || '127.0.0.1',
    port,
    url: env['SITE_URL'] || `http://localhost:${port}`,
    webProcesses: webProcesses(env),
    databaseUrl: env['DATABASE_WRITE_URL'] || undefined,
    redisUrls: {
      cache: env['REDIS_CACHE_URL'] || env['REDIS_CACHE_SENTINELS'] || undefined,
      queue: env['REDIS_QUEUE_URL'] || env['REDIS_QUEUE_SENTINELS'] || undefined,
    },
  }
}

/** As many as there are cores, where the system lets processes share a port. */
function webProcesses(env: NodeJS.ProcessEnv): number {
  const asked = env['WEB_PROCESSES']
  if (!asked) return process.platform === 'linux' ? Math.min(WEB_PROCESSES_MAX, availableParallelism()) : 1
  const count = Number(asked)
  if (!Number.isInteger(count) || count < 1 || count > 64)
    throw new Error(`WEB_PROCESSES=${asked} is no number of processes from 1 to 64.`)
  return count
}

/** The application key of this data folder, made at its first start; the file's path. */
export function applicationKeyFile(dataDir: string): string {
  const file = join(dataDir, 'app-keys.json')
  if (!existsSync(file)) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    const key = { id: 'local', key: randomBytes(32).toString('base64url') }
    writeFileSync(file, JSON.stringify([key]), { mode: 0o600 })
  }
  return file
}

/**
 * The folder for the sockets of our servers: a path of a socket has at most 107 bytes, so it cannot be in the data
 * folder. Named after that, so that a later start finds servers that were left running.
 *
 * @throws Error when somebody else made it.
 */
export function makeSocketFolder(dataDir: string): string {
  const folder = join(tmpdir(), `mh-${createHash('sha256').update(dataDir).digest('hex').slice(0, 12)}`)
  // The server's account, where it is not ours, has to come through.
  mkdirSync(folder, { recursive: true, mode: 0o711 })
  const found = lstatSync(folder)
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new Error(`${folder} belongs to somebody else: remove it, or choose another DATA_DIR.`)
  }
  return folder
}

/** @throws Error that says what to do when somebody else has the port. */
export async function mustBeFree(host: string, port: number): Promise<void> {
  await new Promise<void>((resolveFree, reject) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => {
      const message =
        error.code === 'EADDRINUSE'
          ? `Port ${port} on ${host} is taken by another program. Choose another one: PORT=${port + 1} npm start`
          : `Port ${port} on ${host} cannot be used: ${error.message}`
      reject(new Error(message, { cause: error }))
    })
    probe.listen(port, host, () => {
      probe.close(() => {
        resolveFree()
      })
    })
  })
}
