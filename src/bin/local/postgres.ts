import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { endProcess, identifyProcess, isRunning, lastLines, readIfThere, spawnServer } from './os-process.ts'
import type { ProcessIdentity } from './os-process.ts'
import { bundledPostgres, readyPrograms } from './postgres-programs.ts'
import type { PostgresPrograms } from './postgres-programs.ts'
import { SUPERUSER, hbaConf, postgresConf } from './postgres-settings.ts'
import type { PostgresSettings } from './postgres-settings.ts'
import { runProgram } from './run-program.ts'
import { makeServerFolder, serverAccount } from './server-account.ts'
import type { ServerAccount } from './server-account.ts'

export type PostgresRole = 'migrator' | 'app_rw' | 'app_ro' | typeof SUPERUSER

/** A running PostgreSQL server. */
export interface PostgresServer {
  readonly pid: number
  readonly socketFolder: string
  /** True when an earlier run had started it and left it behind. */
  readonly adopted: boolean
  url(database: string, role: PostgresRole): string
  /** Ends its connections and stops it ("fast shutdown"); resolves when it is gone. */
  stop(): Promise<void>
}

/** With which programs and as whom a server runs. */
export interface PostgresPlace {
  readonly programs: PostgresPrograms
  readonly account: ServerAccount
}

const START_TIMEOUT_MS = 60_000
const STOP_GRACE_MS = 20_000

/**
 * Finds the bundled programs and an account to run them as.
 *
 * @param folder for the server's files; where `account.folder` differs from it, they have to go there instead.
 */
export async function postgresPlace(folder: string): Promise<PostgresPlace> {
  const bundled = bundledPostgres()
  const account = await serverAccount({ folder, program: join(bundled.folder, 'bin/postgres') })
  const programs = readyPrograms(bundled, { folder: account.folder, needed: account.copyPrograms })
  return { programs, account }
}

/**
 * Starts the server of a cluster, or takes over the one that is still running on it. Makes the cluster where there is
 * none: UTF-8, the C.UTF-8 locale, data checksums.
 *
 * @throws Error with the end of its log when it does not start, or when the cluster is of another major version.
 */
export async function startPostgres(
  place: PostgresPlace,
  settings: PostgresSettings,
): Promise<PostgresServer> {
  const cluster = join(settings.folder, 'cluster')
  const log = join(settings.folder, 'postgres.log')
  const left = leftRunning(cluster)
  if (left && (await becomesReady(left.identity, left.socketFolder))) {
    return server(left.identity, left.socketFolder, true)
  }

  makeServerFolder(place.account, settings.folder)
  makeServerFolder(place.account, settings.socketFolder)
  if (!existsSync(cluster)) await makeCluster(place, cluster)
  checkVersion(place, cluster)
  writeSettings(cluster, settings)
  // What a killed server left: PostgreSQL would not start if its pid is some other program's by now.
  rmSync(join(cluster, 'postmaster.pid'), { force: true })

  const { pid } = spawnServer({
    ...programAt(place, 'postgres', ['-D', cluster]),
    env: environment(),
    logFile: log,
  })
  const identity = pid === undefined ? undefined : identifyProcess(pid)
  if (!identity || !(await becomesReady(identity, settings.socketFolder))) {
    throw new Error(`PostgreSQL did not start:\n${lastLines(log)}`)
  }
  return server(identity, settings.socketFolder, false)
}

/** The postmaster that still runs on a cluster: the pid it wrote down is that of a program with this cluster. */
function leftRunning(cluster: string): { identity: ProcessIdentity; socketFolder: string } | undefined {
  const [pid = '', , , , socketFolder = ''] = readIfThere(join(cluster, 'postmaster.pid'))?.split('\n') ?? []
  const identity = identifyProcess(Number(pid))
  const isOurs = readIfThere(`/proc/${pid}/cmdline`)?.split('\0').includes(cluster) ?? false
  return identity && isOurs ? { identity, socketFolder } : undefined
}

function server(identity: ProcessIdentity, socketFolder: string, adopted: boolean): PostgresServer {
  return {
    pid: identity.pid,
    socketFolder,
    adopted,
    url: (database, role) => socketUrl(socketFolder, database, role),
    stop: () => endProcess(identity, ['SIGINT', 'SIGQUIT', 'SIGKILL'], STOP_GRACE_MS),
  }
}

/** A URL that pg and libpq understand; the host in its authority is a placeholder. */
export function socketUrl(socketFolder: string, database: string, role: PostgresRole): string {
  return `postgresql://${role}@localhost/${database}?host=${encodeURIComponent(socketFolder)}`
}

async function makeCluster(place: PostgresPlace, cluster: string): Promise<void> {
  // A name of its own until it is whole, so that an interrupted start begins anew.
  const making = `${cluster}.new`
  rmSync(making, { recursive: true, force: true })
  const options = ['--encoding=UTF8', '--locale=C.UTF-8', '--data-checksums', '--no-instructions']
  const { command, args } = programAt(place, 'initdb', [
    '-D',
    making,
    '-U',
    SUPERUSER,
    '-A',
    'trust',
    ...options,
  ])
  await runProgram(command, args, { env: environment() })
  renameSync(making, cluster)
}

function checkVersion({ programs }: PostgresPlace, cluster: string): void {
  const found = readFileSync(join(cluster, 'PG_VERSION'), 'utf8').trim()
  const [major = ''] = programs.version.split('.')
  if (found === major) return
  throw new Error(
    `${cluster} was made by PostgreSQL ${found}, and this version of Manyhands brings PostgreSQL ${major}. ` +
      'Choose another DATA_DIR, or move the data with pg_dump.',
  )
}

function writeSettings(cluster: string, settings: PostgresSettings): void {
  writeFileSync(join(cluster, 'postgresql.conf'), postgresConf(settings))
  writeFileSync(join(cluster, 'pg_hba.conf'), hbaConf)
  if (settings.follow !== undefined) writeFileSync(join(cluster, 'standby.signal'), '')
}

function programAt({ programs, account }: PostgresPlace, name: string, args: string[]) {
  const [command, ...rest] = [...account.prefix, join(programs.folder, 'bin', name), ...args] as [
    string,
    ...string[],
  ]
  return { command, args: rest }
}

/** Nothing of ours: PGDATA, PGPORT and the like would change where the server looks. */
function environment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', TZ: 'UTC' }
}

/** @returns false when the server ends instead. */
async function becomesReady(identity: ProcessIdentity, socketFolder: string): Promise<boolean> {
  const deadline = Date.now() + START_TIMEOUT_MS
  while (isRunning(identity)) {
    if (await accepts(socketFolder)) return true
    if (Date.now() > deadline) {
      throw new Error(
        `PostgreSQL (pid ${identity.pid}) takes no connections after ${START_TIMEOUT_MS / 1000} s`,
      )
    }
    await sleep(10)
  }
  return false
}

async function accepts(socketFolder: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: socketUrl(socketFolder, 'postgres', SUPERUSER) })
  // The server may drop the connection between its answer and our end().
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.end()
    return true
  } catch {
    return false
  }
}
