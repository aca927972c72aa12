import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import {
  endProcess,
  isRunning,
  lastLines,
  recordProcess,
  spawnServer,
} from '../../src/bin/local/os-process.ts'
import type { ProcessIdentity } from '../../src/bin/local/os-process.ts'
import { findRedis } from '../../src/bin/local/redis.ts'
import type { RedisProgram } from '../../src/bin/local/redis.ts'
import type { RedisEndpoint } from '../../src/platform/config.ts'
import { renderRole } from './rendered.ts'
import { cacheFolder } from './servers.ts'
import { freePort } from './started-site.ts'

/** What the sentinels of these tests call the master. */
const MASTER = 'm'
/** What the sentinels want to hear of everybody, also of each other. */
const PASSWORD = 'sesame'
/** A master, two replicas and three sentinels on loopback, with the configuration that Ansible installs. */
export interface RedisGroup {
  /** Where a replica of the first master listens. */
  readonly replicaPort: number
  readonly endpoint: Extract<RedisEndpoint, { kind: 'sentinels' }>
  /** The settings that lead to it as the queue. */
  readonly queue: Record<string, string>
  /** The settings that lead to it as the cache. */
  readonly cache: Record<string, string>
  /** Forgets everything. */
  wipe(): Promise<void>
  /** Brings every server back that was killed or frozen, and waits until the master has both its replicas again. */
  repair(): Promise<void>
  /** Ends the present master without a word. */
  killMaster(): Promise<void>
  /** The present master stays silent from now on, as a host that is gone, until the test ends. */
  freezeMaster(): Promise<void>
  /** The sentinels change the master, as for maintenance. */
  failover(): Promise<void>
  /** Resolves when the sentinels name another master than this port, and it takes writes. */
  untilMasterIsNot(port: number): Promise<number>
  masterPort(): Promise<number>
  end(): Promise<void>
}

interface Node {
  readonly port: number
  identity: ProcessIdentity
  /** Starts it again with what it has written down. */
  launch(): Promise<ProcessIdentity>
}

/** Starts the group and waits until every sentinel knows the others and the replicas. The caller ends it, last. */
export async function startRedisGroup(): Promise<RedisGroup> {
  const folder = mkdtempSync(join(tmpdir(), 'mh-sentinel-'))
  const program = await findRedis(cacheFolder())
  const nodes: Node[] = []
  const start = async (
    name: string,
    settings: (port: number, folder: string) => string,
    args: string[] = [],
  ) => {
    const node = await startNode(program, join(folder, name), settings, args)
    nodes.push(node)
    return node
  }

  const first = await start('a', (port, dir) => redisConf(port, dir))
  const follow = (port: number, dir: string) => redisConf(port, dir, `replicaof 127.0.0.1 ${first.port}`)
  const [replica] = await Promise.all([start('b', follow), start('c', follow)])
  const watch = (port: number, dir: string) =>
    renderRole('sentinel', 'sentinel.conf.j2', {
      sentinel_port: port,
      sentinel_folder: dir,
      sentinel_log_file: '',
      sentinel_password: PASSWORD,
      sentinel_masters: [{ name: MASTER, address: '127.0.0.1', port: first.port }],
    })
  const sentinels = await Promise.all(['x', 'y', 'z'].map((name) => start(name, watch, ['--sentinel'])))
  const ports = sentinels.map(({ port }) => port)
  await untilKnown(ports)

  const sentinel = ports[0] ?? 0
  const masterPort = () =>
    until('the address of the master', 10_000, async () => {
      const [, port] = (await askOnce(sentinel, ['sentinel', 'get-master-addr-by-name', MASTER])) as string[]
      return Number(port)
    })
  const present = async () => {
    const port = await masterPort()
    const node = nodes.find((one) => one.port === port)
    if (!node) throw new Error(`The sentinels name port ${port}, which is nobody's`)
    return node
  }
  const addresses = ports.map((port) => `127.0.0.1:${port}`).join(',')
  return {
    replicaPort: replica.port,
    endpoint: {
      kind: 'sentinels',
      sentinels: ports.map((port) => ({ host: '127.0.0.1', port })),
      sentinelPassword: PASSWORD,
      master: MASTER,
    },
    queue: {
      REDIS_QUEUE_SENTINELS: addresses,
      REDIS_QUEUE_SENTINEL_PASSWORD: PASSWORD,
      REDIS_QUEUE_MASTER: MASTER,
    },
    cache: {
      REDIS_CACHE_SENTINELS: addresses,
      REDIS_CACHE_SENTINEL_PASSWORD: PASSWORD,
      REDIS_CACHE_MASTER: MASTER,
    },
    async wipe() {
      await until('an emptied master', 10_000, async () => askOnce(await masterPort(), ['flushall']))
    },
    async repair() {
      for (const node of nodes) {
        if (isRunning(node.identity)) process.kill(node.identity.pid, 'SIGCONT')
        else node.identity = await node.launch()
      }
      await until('a master with two replicas', 60_000, async () => {
        const state = String(await askOnce(await masterPort(), ['info', 'replication']))
        return /role:master[\s\S]*connected_slaves:2/.test(state) || undefined
      })
    },
    masterPort,
    async end() {
      for (const { identity } of nodes) await endProcess(identity, ['SIGKILL'], 10_000)
      rmSync(folder, { recursive: true, force: true })
    },
    async killMaster() {
      const { identity } = await present()
      await endProcess(identity, ['SIGKILL'], 10_000)
    },
    async freezeMaster() {
      const { identity } = await present()
      process.kill(identity.pid, 'SIGSTOP')
    },
    async failover() {
      const old = await masterPort()
      for (let attempt = 1; ; attempt += 1) {
        await untilAtRest(sentinel)
        try {
          await askOnce(sentinel, ['sentinel', 'failover', MASTER])
          await until(
            'a planned failover',
            FAILOVER_MS,
            async () => (await masterPort()) !== old || undefined,
          )
          return
        } catch (error) {
          if (attempt === FAILOVERS_MAX) throw error
        }
      }
    },
    async untilMasterIsNot(old) {
      return until('another master', 30_000, async () => {
        const port = await masterPort()
        if (port === old) return undefined
        const [role] = (await askOnce(port, ['role'])) as string[]
        return role === 'master' ? port : undefined
      })
    },
  }
}

async function startNode(
  program: RedisProgram,
  folder: string,
  settings: (port: number, folder: string) => string,
  args: string[],
): Promise<Node> {
  const port = await freePort()
  mkdirSync(folder, { recursive: true })
  const conf = join(folder, 'redis.conf')
  writeFileSync(conf, settings(port, folder))
  const logFile = join(folder, 'redis.log')
  const launch = async () => {
    const { pid } = spawnServer({
      command: program.command,
      args: [conf, ...args],
      env: program.env,
      logFile,
    })
    if (pid === undefined) throw new Error(`Redis did not start:\n${lastLines(logFile)}`)
    const identity = recordProcess(join(folder, 'process.json'), pid)
    await until(`Redis on port ${port}`, 15_000, async () => {
      await askOnce(port, ['ping'])
      return true
    })
    return identity
  }
  return { port, identity: await launch(), launch }
}

function redisConf(port: number, folder: string, ...more: string[]): string {
  const own = ['bind 127.0.0.1', `port ${port}`, `dir ${folder}`, 'protected-mode no']
  const data = ['save ""', 'appendonly no', 'repl-diskless-sync-delay 0']
  return [...own, ...data, ...more, ''].join('\n')
}

/** Sentinels give a failover up after ten seconds, and one that stalled in the middle of it does nothing for thirty. */
const FAILOVER_MS = 45_000
const FAILOVERS_MAX = 2

/**
 * Waits until a sentinel would change the master if it was asked: it has not stalled (then it only looks on, in "tilt"), the
 * failover before has ended, and a replica follows.
 */
async function untilAtRest(port: number): Promise<void> {
  await until('a sentinel at rest', 120_000, async () => {
    const info = String(await askOnce(port, ['info', 'sentinel']))
    const master = told((await askOnce(port, ['sentinel', 'master', MASTER])) as string[])
    const replicas = (await askOnce(port, ['sentinel', 'replicas', MASTER])) as string[][]
    const follows = replicas
      .map(told)
      .some((of) => of('flags') === 'slave' && of('master-link-status') === 'ok')
    return (info.includes('sentinel_tilt:0') && master('flags') === 'master' && follows) || undefined
  })
}

/** What a sentinel tells of a server: names and values in turn. */
function told(flat: readonly string[]): (name: string) => string | undefined {
  return (name) => flat[flat.indexOf(name) + 1]
}

async function untilKnown(ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    await until('sentinels that know each other', 30_000, async () => {
      const master = told((await askOnce(port, ['sentinel', 'master', MASTER])) as string[])
      return (master('num-other-sentinels') === '2' && master('num-slaves') === '2') || undefined
    })
  }
}

async function askOnce(port: number, [command = '', ...args]: string[]): Promise<unknown> {
  // The servers, which ask for no password, take any.
  const options = {
    port,
    password: PASSWORD,
    lazyConnect: true,
    retryStrategy: () => null,
    commandTimeout: 500,
  }
  const redis = new Redis({ ...options, replyMapping: 'legacy' })
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    return await redis.call(command, ...args)
  } finally {
    redis.disconnect()
  }
}

async function until<T>(what: string, milliseconds: number, look: () => Promise<T | undefined>): Promise<T> {
  for (let waited = 0; waited < milliseconds; waited += 100) {
    const found = await look().catch(() => undefined)
    if (found !== undefined) return found
    await sleep(100)
  }
  throw new Error(`Waited ${milliseconds} ms for ${what}`)
}
