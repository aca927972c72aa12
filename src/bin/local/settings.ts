import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'

/** Where `npm start` puts its things and listens. */
export interface StartSettings {
  dataDir: string
  host: string
  port: number
  url: string
  /** Set when the command is pointed at real servers instead of its own. */
  databaseUrl: string | undefined
  redisUrls: { cache: string | undefined; queue: string | undefined }
}

/** @throws Error when PORT is not a port. */
export function startSettings(env: NodeJS.ProcessEnv): StartSettings {
  const port = Number(env['PORT'] || 3000)
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error(`PORT=${env['PORT']} is not a port.`)
  return {
    dataDir: resolve(env['DATA_DIR'] || '.data'),
    host: env['HOST'] || '127.0.0.1',
    port,
    url: env['SITE_URL'] || `http://localhost:${port}`,
    databaseUrl: env['DATABASE_WRITE_URL'] || undefined,
    redisUrls: {
      cache: env['REDIS_CACHE_URL'] || env['REDIS_CACHE_SENTINELS'] || undefined,
      queue: env['REDIS_QUEUE_URL'] || env['REDIS_QUEUE_SENTINELS'] || undefined,
    },
  }
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
