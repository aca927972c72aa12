import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { endProcess, identifyProcess, lastLines, spawnServer } from '../../src/bin/local/os-process.ts'
import { DATABASE } from '../../src/bin/local/postgres-database.ts'
import { makeServerFolder } from '../../src/bin/local/server-account.ts'
import type { PostgresPlace, PostgresRole } from '../../src/bin/local/postgres.ts'
import { findProgram } from './debian-program.ts'
import { ownAddress, renderRole, roleDefaults } from './rendered.ts'
import type { TemplateValues } from './rendered.ts'
import type { Ending } from './servers.ts'

export interface PgBouncer {
  /** Where it listens, at the port of the role's defaults. */
  readonly address: string
  /** Leads through the pooler to the database. */
  url(role: PostgresRole): string
  /** Kills it, so that every connection through it breaks. */
  kill(): Promise<void>
  pid(): number
  start(): Promise<void>
}

/** The PostgreSQL beside which it runs. */
interface Beside {
  readonly place: PostgresPlace
  readonly socketFolder: string
}

export const PGBOUNCER = {
  name: 'pgbouncer',
  tellsVersionBy: '--version',
  packages: ['pgbouncer', 'libevent-2.1-7', 'libc-ares2'],
}

/** PgBouncer with the configuration that Ansible installs, before a server. */
export async function startPgBouncer(
  t: Ending,
  { place, socketFolder }: Beside,
  { address = ownAddress(), values = {} }: { address?: string; values?: TemplateValues } = {},
): Promise<PgBouncer> {
  const { command, env } = await findProgram(PGBOUNCER)
  const folder = join(socketFolder, 'b')
  makeServerFolder(place.account, folder)
  const [logFile, settings, people] = ['pgbouncer.log', 'pgbouncer.ini', 'people'].map((name) =>
    join(folder, name),
  ) as [string, string, string]
  writeFileSync(people, '"app_rw" ""\n"app_ro" ""\n"migrator" ""\n')
  writeFileSync(
    settings,
    renderRole('pgbouncer', 'pgbouncer.ini.j2', {
      pgbouncer_listen_address: address,
      pgbouncer_socket_folder: folder,
      pgbouncer_postgres_host: socketFolder,
      pgbouncer_database: DATABASE,
      pgbouncer_auth_type: 'trust',
      pgbouncer_auth_file: people,
      pgbouncer_log_file: logFile,
      ...values,
    }),
  )
  const port = roleDefaults('pgbouncer')['pgbouncer_port'] as number
  const url = (role: PostgresRole) => `postgresql://${role}@${address}:${port}/${DATABASE}`

  async function launch() {
    // PgBouncer, like PostgreSQL, does not run as root.
    const args = [...place.account.prefix, command, settings]
    const { pid } = spawnServer({ command: 'env', args, env, logFile: `${logFile}.out` })
    const identity = pid === undefined ? undefined : identifyProcess(pid)
    if (!identity) throw new Error(`PgBouncer did not start:\n${lastLines(logFile)}`)
    for (let waited = 0; !(await leadsThrough(url('app_rw'))); waited += 20) {
      if (waited > 10_000) throw new Error(`PgBouncer does not answer:\n${lastLines(logFile)}`)
      await sleep(20)
    }
    return identity
  }

  let running = await launch()
  t.after(() => endProcess(running, ['SIGKILL'], 5_000))
  return {
    address,
    url,
    pid: () => running.pid,
    kill: () => endProcess(running, ['SIGKILL'], 5_000),
    async start() {
      running = await launch()
    },
  }
}

async function leadsThrough(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('select 1')
    await client.end()
    return true
  } catch {
    return false
  }
}
