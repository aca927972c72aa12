import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { libraryPath, unpackPackages } from '../../src/bin/local/debian-packages.ts'
import { endProcess, identifyProcess, lastLines, spawnServer } from '../../src/bin/local/os-process.ts'
import { DATABASE } from '../../src/bin/local/postgres-database.ts'
import { succeeds } from '../../src/bin/local/run-program.ts'
import { makeServerFolder } from '../../src/bin/local/server-account.ts'
import type { OwnPostgres } from './own-postgres.ts'
import { cacheFolder } from './servers.ts'
import type { Ending } from './servers.ts'

export interface PgBouncer {
  /** Leads through the pooler to the database. */
  readonly url: string
  /** Kills it, so that every connection through it breaks, and starts another one. */
  crash(): Promise<void>
}

interface Program {
  readonly command: string
  readonly env: NodeJS.ProcessEnv
}

const PORT = 6432

/** PgBouncer in transaction mode before a server; undefined when it is neither installed nor to be unpacked. */
export async function startPgBouncer(t: Ending, postgres: OwnPostgres): Promise<PgBouncer | undefined> {
  const program = await findPgBouncer()
  if (!program) return undefined
  const { command, env } = program
  // PgBouncer, like PostgreSQL, does not run as root.
  const { prefix } = postgres.place.account
  const folder = join(postgres.socketFolder, 'b')
  makeServerFolder(postgres.place.account, folder)
  const logFile = join(folder, 'pgbouncer.log')
  const settings = join(folder, 'pgbouncer.ini')
  writeFileSync(join(folder, 'people'), '"app_rw" ""\n')
  writeFileSync(settings, configuration(folder, postgres.socketFolder))
  const url = `postgresql://app_rw@localhost:${PORT}/${DATABASE}?host=${encodeURIComponent(folder)}`

  async function start() {
    const { pid } = spawnServer({ command: 'env', args: [...prefix, command, settings], env, logFile })
    const identity = pid === undefined ? undefined : identifyProcess(pid)
    if (!identity) throw new Error(`PgBouncer did not start:\n${lastLines(logFile)}`)
    for (let waited = 0; !(await leadsThrough(url)); waited += 20) {
      if (waited > 10_000) throw new Error(`PgBouncer does not answer:\n${lastLines(logFile)}`)
      await sleep(20)
    }
    return identity
  }

  let running = await start()
  t.after(() => endProcess(running, ['SIGKILL'], 5_000))
  return {
    url,
    async crash() {
      await endProcess(running, ['SIGKILL'], 5_000)
      running = await start()
    },
  }
}

function configuration(folder: string, server: string): string {
  return [
    '[databases]',
    `${DATABASE} = host=${server} dbname=${DATABASE}`,
    '[pgbouncer]',
    'listen_addr =',
    `listen_port = ${PORT}`,
    `unix_socket_dir = ${folder}`,
    'auth_type = trust',
    `auth_file = ${join(folder, 'people')}`,
    'pool_mode = transaction',
    'default_pool_size = 10',
    'max_client_conn = 200',
    '',
  ].join('\n')
}

/** The machine's PgBouncer; else Debian's packages unpacked beside the other programs of the tests. */
async function findPgBouncer(): Promise<Program | undefined> {
  if (await succeeds('pgbouncer', ['--version'])) return { command: 'pgbouncer', env: process.env }
  const root = join(cacheFolder(), 'pgbouncer-root')
  const command = join(root, 'usr/sbin/pgbouncer')
  try {
    await unpackPackages(['pgbouncer', 'libevent-2.1-7', 'libc-ares2'], root)
  } catch {
    return undefined
  }
  const env = { ...process.env, LD_LIBRARY_PATH: libraryPath(root) }
  return (await succeeds('env', [`LD_LIBRARY_PATH=${env.LD_LIBRARY_PATH}`, command, '--version']))
    ? { command, env }
    : undefined
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
