import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DATABASE } from '../../src/bin/local/postgres-database.ts'
import { startDatabaseHost } from './database-host.ts'
import type { DatabaseHost } from './database-host.ts'
import { startHaproxy } from './haproxy.ts'
import type { Haproxy } from './haproxy.ts'
import { lastFirst } from './file-ending.ts'
import { ownAddress } from './rendered.ts'
import type { TemplateValues } from './rendered.ts'
import { cacheFolder } from './servers.ts'
import type { Ending } from './servers.ts'
import { startProgram } from './started-site.ts'
import type { StartedProgram } from './started-site.ts'

/** Everything between a request and its rows, as Ansible sets it up: nginx alone is missing. */
export interface Chain {
  readonly primary: DatabaseHost
  readonly replicas: readonly [DatabaseHost, DatabaseHost]
  readonly haproxy: Haproxy
  /** Where web processes are expected to listen. */
  readonly webAddress: string
  readonly webPorts: readonly number[]
  /** Settings that lead through it. */
  readonly env: Readonly<Record<string, string>>
}

/** Starts a primary and two replicas with a pooler each, and HAProxy before them and before web processes to come. */
export async function startChain(
  ending: Ending,
  { webProcesses = 0, values = {} }: { webProcesses?: number; values?: TemplateValues } = {},
): Promise<Chain> {
  const t = lastFirst(ending)
  const root = mkdtempSync(join(tmpdir(), 'mh-c-'))
  t.after(() => {
    rmSync(root, { recursive: true, force: true })
  })
  const primary = await startDatabaseHost(t, 'a', { root })
  const replicas = await Promise.all([
    startDatabaseHost(t, 'b', { root, primary }),
    startDatabaseHost(t, 'c', { root, primary }),
  ])
  const webAddress = ownAddress()
  const webPorts = Array.from({ length: webProcesses }, (_, n) => 3_001 + n)
  const haproxy = await startHaproxy(t, {
    databases: [primary, ...replicas],
    webServers: webPorts.map((port) => ({ name: `web-${port}`, address: webAddress, port })),
    values,
  })
  await Promise.all([haproxy.untilUp('primary', ['a']), haproxy.untilUp('replicas', ['b', 'c'])])
  const url = (listener: 'write' | 'read' | 'direct', role: string) => {
    const { host, port } = haproxy.listener(listener)
    return `postgresql://${role}@${host}:${port}/${DATABASE}`
  }
  return {
    primary,
    replicas,
    haproxy,
    webAddress,
    webPorts,
    env: {
      DATABASE_WRITE_URL: url('write', 'app_rw'),
      DATABASE_READ_URL: url('read', 'app_ro'),
      DATABASE_DIRECT_URL: url('direct', 'migrator'),
    },
  }
}

/** Real web processes behind a chain's HAProxy. */
export interface ChainWeb {
  readonly url: string
  /** Ends one politely and starts it again; resolves when HAProxy sends it requests, in this backend of its. */
  restart(n: number, backend?: string): Promise<void>
  process(n: number): StartedProgram
}

/** Starts the web processes that the chain's HAProxy expects. */
export async function startChainWeb(
  t: Ending,
  { haproxy, webAddress, webPorts }: Chain,
  env: Readonly<Record<string, string>>,
): Promise<ChainWeb> {
  const start = (port: number) =>
    startProgram('src/bin/web.ts', [], {
      ...env,
      // A process that starts amid a load has not much of the machine to itself.
      NODE_COMPILE_CACHE: join(cacheFolder(), 'compiled'),
      HOST: webAddress,
      PORT: String(port),
      SITE_URL: haproxy.webUrl,
      TRUST_PROXY: 'on',
    })
  const running = webPorts.map(start)
  t.after(() => running.map(({ child }) => child.kill('SIGKILL')))
  const names = webPorts.map((port) => `web-${port}`)
  await haproxy.untilUp('web', names)

  function process(n: number): StartedProgram {
    const one = running[n]
    if (!one) throw new RangeError(`There is no web process ${n}`)
    return one
  }

  return {
    url: haproxy.webUrl,
    process,
    async restart(n, backend = 'web') {
      process(n).child.kill('SIGTERM')
      const status = await process(n).ends()
      if (status !== 0) throw new Error(`A web process ended with ${status}:\n${process(n).output()}`)
      running[n] = start(webPorts[n] ?? 0)
      await haproxy.untilUp(backend, names)
    },
  }
}
