import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { DATABASE } from '../../src/bin/local/postgres-database.ts'
import { makeCertificate } from '../support/certificate.ts'
import { startHaproxy } from '../support/haproxy.ts'
import { startNginx } from '../support/nginx.ts'
import { startPgBouncer } from '../support/pgbouncer.ts'
import { ownAddress, roleDefaults } from '../support/rendered.ts'
import { freePort } from '../support/started-site.ts'
import { addSome, ended, makeProjects, pidOf, startBenchServers, untilAnswered } from './bench-site.ts'
import type { BenchProject, BenchServers } from './bench-site.ts'
import { capMemory } from './memory-cap.ts'
import type { MemoryCap } from './memory-cap.ts'
import { familyOf } from './process-times.ts'

/** The names of the projects: people visit and contribute to the first, the others are for comparisons. */
const PROJECTS = [
  'birds',
  'for-the-chain',
  'for-the-application',
  'for-the-reference',
  'for-pgbench',
] as const

/** The whole site as one host has it, behind nginx with TLS. */
export interface SiteChain {
  readonly servers: BenchServers
  /** What nginx answers at, and who has signed for it. */
  readonly url: string
  readonly ca: string
  readonly projects: Readonly<Record<(typeof PROJECTS)[number], BenchProject>>
  /** The first process of each part; nginx's and PostgreSQL's have others below them. */
  readonly processes: ReadonlyMap<string, readonly number[]>
  readonly caps: ReadonlyMap<string, MemoryCap>
  stop(): Promise<void>
}

export interface ChainOptions {
  /** In MB; undefined for as much as there is. */
  readonly databaseMemory?: number | undefined
  readonly otherMemory?: number | undefined
  /** Who wrote is told the database's position, as on a site with replicas. */
  readonly tellsPositions?: boolean
}

/** PostgreSQL ← PgBouncer ← HAProxy ← web processes, worker and scheduler; web ← HAProxy ← nginx, configured as Ansible does. */
export async function startSiteChain(options: ChainOptions): Promise<SiteChain> {
  const ends: (() => unknown)[] = []
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    return { ...(await start(options, ends)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function start(
  { databaseMemory, otherMemory, tellsPositions = false }: ChainOptions,
  ends: (() => unknown)[],
): Promise<Omit<SiteChain, 'stop'>> {
  const t = { after: (end: () => unknown) => ends.push(end) }
  const caps = new Map<string, MemoryCap>()
  const cap = (name: string, megabytes: number | undefined, pids: readonly number[]) => {
    if (megabytes === undefined) return
    const made = capMemory(name, megabytes)
    caps.set(name, made)
    // Goes when all that it holds has ended.
    ends.unshift(() => {
      made.remove()
    })
    for (const pid of pids) made.add(pid)
  }
  cap('others', otherMemory, [process.pid])
  const servers = await startBenchServers()
  cap('database', databaseMemory, familyOf(servers.postgresPid))
  ends.push(() => servers.stop())
  const made = await makeProjects(servers, PROJECTS, addSome)
  await servers.database.query('vacuum analyze')
  const pooler = await startPgBouncer(t, servers)
  const webAddress = ownAddress()
  const ports = Array.from({ length: availableParallelism() }, (_, n) => 3_001 + n)
  const haproxy = await startHaproxy(t, {
    databases: [{ name: 'database', address: pooler.address, role: 'primary' }],
    webServers: ports.map((port) => ({ name: `web-${port}`, address: webAddress, port })),
    values: { haproxy_has_patroni: false },
  })
  const { certificate, key } = await makeCertificate(t)
  const nginx = await startNginx(t, {
    nginx_upstreams: [new URL(haproxy.webUrl).host],
    nginx_assets_folder: servers.env['ASSETS_DIR'],
    nginx_tls_certificate: certificate,
    nginx_tls_key: key,
    nginx_unlimited: ['127.0.0.1'],
    nginx_workers: ports.length,
    nginx_worker_connections: roleDefaults('nginx')['nginx_worker_connections'],
    nginx_error_level: 'crit',
  })
  const url = (listener: 'write' | 'read' | 'direct', role: string) => {
    const { host, port } = haproxy.listener(listener)
    return `postgresql://${role}@${host}:${port}/${DATABASE}`
  }
  const env = {
    ...servers.env,
    HOST: webAddress,
    SITE_URL: nginx.url,
    TRUST_PROXY: 'on',
    DATABASE_WRITE_URL: url('write', 'app_rw'),
    DATABASE_READ_URL: url('read', 'app_ro'),
    DATABASE_DIRECT_URL: url('direct', 'migrator'),
    // Ansible turns it off where there is one database host.
    DATABASE_HAS_REPLICAS: tellsPositions ? 'on' : 'off',
  }
  const webs = ports.map((port) => spawnProgram('web', { ...env, PORT: String(port) }))
  ends.push(() => Promise.all(webs.map(ended)))
  await haproxy.untilUp(
    'web',
    ports.map((port) => `web-${port}`),
  )
  const others: ChildProcess[] = []
  ends.push(() => Promise.all(others.map(ended)))
  for (const name of ['worker', 'scheduler'] as const) {
    const port = await freePort()
    others.push(spawnProgram(name, { ...env, METRICS_PORT: String(port) }))
    await untilAnswered(`http://${webAddress}:${port}/healthz`)
  }
  // What is measured by needs memory of its own.
  caps.get('others')?.release(process.pid)
  const [birds, chain, application, reference, pgbench] = made
  if (!birds || !chain || !application || !reference || !pgbench) throw new Error('A project was not made')
  return {
    servers,
    url: nginx.url,
    ca: readFileSync(certificate, 'utf8'),
    projects: {
      birds,
      'for-the-chain': chain,
      'for-the-application': application,
      'for-the-reference': reference,
      'for-pgbench': pgbench,
    },
    processes: new Map([
      ['nginx', [nginx.pid]],
      ['HAProxy', [haproxy.pid()]],
      ['web', webs.map(pidOf)],
      ['worker and scheduler', others.map(pidOf)],
      ['PgBouncer', [pooler.pid()]],
      ['PostgreSQL', [servers.postgresPid]],
      ['Redis', [servers.redisPid]],
    ]),
    caps,
  }
}

function spawnProgram(name: 'web' | 'worker' | 'scheduler', env: Record<string, string>): ChildProcess {
  const flags = name === 'web' ? (process.env['WEB_NODE_OPTIONS']?.split(' ') ?? []) : []
  return spawn(process.execPath, [...flags, `src/bin/${name}.ts`], {
    env: { ...process.env, ...env },
    stdio: 'inherit',
  })
}
