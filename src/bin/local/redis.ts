import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { libraryPath, unpackPackages } from './debian-packages.ts'
import {
  endProcess,
  isRunning,
  lastLines,
  recordProcess,
  recordedProcess,
  spawnServer,
} from './os-process.ts'
import type { ProcessIdentity } from './os-process.ts'
import { succeeds } from './run-program.ts'

/** The server's program, and what it needs around it. */
export interface RedisProgram {
  readonly command: string
  readonly env: NodeJS.ProcessEnv
}

/** A running Redis. */
export interface RedisServer {
  readonly pid: number
  /** For REDIS_*_URL. */
  readonly url: string
  stop(): Promise<void>
}

export interface RedisSettings {
  /** Holds its data, log and the record of its process. */
  readonly folder: string
  readonly socket: string
  /** A cache forgets what is used least; a queue forgets nothing and is written to disk. */
  readonly use: 'cache' | 'queue'
}

const PACKAGES = [
  'redis-server',
  'redis-tools',
  'liblzf1',
  'libjemalloc2',
  'libatomic1',
  'liblua5.1-0',
  'lua-cjson',
  'lua-bitop',
]

/**
 * The machine's redis-server; else Debian's packages unpacked into a folder, which needs no root.
 *
 * @throws Error with the one command to run when neither is possible.
 */
export async function findRedis(folder: string): Promise<RedisProgram> {
  if (await succeeds('redis-server', ['--version'])) return { command: 'redis-server', env: process.env }
  const root = join(folder, 'redis-root')
  try {
    await unpackPackages(PACKAGES, root)
  } catch (error) {
    throw new Error(
      'Redis is needed, and could not be unpacked from the Debian packages. Install it with: sudo apt-get install redis-server',
      { cause: error },
    )
  }
  return { command: realProgram(root), env: { ...process.env, LD_LIBRARY_PATH: libraryPath(root) } }
}

function realProgram(root: string): string {
  const server = join(root, 'usr/bin/redis-server')
  // In Debian's packages redis-server is a link to the program of redis-tools.
  return existsSync(server) ? server : join(root, 'usr/bin/redis-check-rdb')
}

/** Starts a Redis, or takes over the one that an earlier run left on the same folder. */
export async function startRedis(program: RedisProgram, settings: RedisSettings): Promise<RedisServer> {
  const { folder, socket } = settings
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const record = join(folder, 'process.json')
  const left = recordedProcess(record)
  if (left && (await becomesReady(left, socket))) return server(left, socket)

  const log = join(folder, 'redis.log')
  writeFileSync(join(folder, 'redis.conf'), redisConf(settings))
  const { pid } = spawnServer({
    command: program.command,
    args: [join(folder, 'redis.conf')],
    env: program.env,
    logFile: log,
  })
  const identity = pid === undefined ? undefined : recordProcess(record, pid)
  if (!identity || !(await becomesReady(identity, socket)))
    throw new Error(`Redis did not start:\n${lastLines(log)}`)
  return server(identity, socket)
}

function redisConf({ folder, socket, use }: RedisSettings): string {
  const kept = ['appendonly yes', 'appendfsync everysec', 'maxmemory-policy noeviction']
  const cached = ['save ""', 'appendonly no', 'maxmemory 256mb', 'maxmemory-policy allkeys-lru']
  return [
    'port 0',
    `unixsocket ${socket}`,
    'unixsocketperm 700',
    `dir ${folder}`,
    ...(use === 'queue' ? kept : cached),
    '',
  ].join('\n')
}

function server(identity: ProcessIdentity, socket: string): RedisServer {
  return {
    pid: identity.pid,
    url: `unix://${encodeURI(socket)}`,
    stop: () => endProcess(identity, ['SIGTERM', 'SIGKILL'], 10_000),
  }
}

async function becomesReady(identity: ProcessIdentity, socket: string): Promise<boolean> {
  for (let waited = 0; waited < 15_000 && isRunning(identity); waited += 20) {
    if (await answers(socket)) return true
    await sleep(20)
  }
  return false
}

async function answers(socket: string): Promise<boolean> {
  const client = new Redis({
    path: socket,
    lazyConnect: true,
    retryStrategy: () => null,
    enableOfflineQueue: false,
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.ping()
    return true
  } catch {
    return false
  } finally {
    client.disconnect()
  }
}
