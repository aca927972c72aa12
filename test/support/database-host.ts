import { createServer } from 'node:http'
import type { Server as HttpServer } from 'node:http'
import { connect, createServer as createTcpServer } from 'node:net'
import type { Server } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import { DATABASE } from '../../src/bin/local/postgres-database.ts'
import { SUPERUSER } from '../../src/bin/local/postgres-settings.ts'
import { socketUrl, startPostgres } from '../../src/bin/local/postgres.ts'
import { startPgBouncer } from './pgbouncer.ts'
import type { PgBouncer } from './pgbouncer.ts'
import { ownAddress, roleDefaults } from './rendered.ts'
import type { TemplateValues } from './rendered.ts'
import { copyMigratedCluster } from './servers.ts'
import type { Ending } from './servers.ts'

/** What stands on a host of the database: PostgreSQL, its pooler, and who tells whether it is the primary. */
export interface DatabaseHost {
  readonly name: string
  readonly address: string
  readonly socketFolder: string
  readonly pooler: PgBouncer
  /** Asks this very server, as its superuser. */
  query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>
  /** Stops PostgreSQL, which ends all its connections; nothing else on this host notices. */
  stop(): Promise<void>
  start(): Promise<void>
  /** Makes it the primary. */
  promote(): Promise<void>
  follow(primary: DatabaseHost): Promise<void>
  /** Keeps it so far behind the primary. */
  lag(milliseconds: number): Promise<void>
}

/**
 * Starts one with the migrated, empty database, on an address of its own.
 *
 * @param options.poolerValues what differs from the defaults of the pooler's role.
 */
export async function startDatabaseHost(
  t: Ending,
  name: string,
  {
    root,
    primary,
    poolerValues = {},
  }: { root: string; primary?: DatabaseHost; poolerValues?: TemplateValues },
): Promise<DatabaseHost> {
  const address = ownAddress()
  const [folder, socketFolder] = [join(root, name), join(root, `${name}s`)]
  const place = await copyMigratedCluster(folder)
  const settings = { folder, socketFolder, maxConnections: 200, durable: false }
  const start = (followed = primary?.socketFolder) =>
    startPostgres(place, followed === undefined ? settings : { ...settings, follow: followed })
  let server = await start()
  const socket = join(socketFolder, '.s.PGSQL.5432')

  async function query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]> {
    const client = new pg.Client({ connectionString: socketUrl(socketFolder, DATABASE, SUPERUSER) })
    client.on('error', () => undefined)
    await client.connect()
    try {
      return (await client.query<Row>(text, values)).rows
    } finally {
      await client.end()
    }
  }

  const pooler = await startPgBouncer(t, { place, socketFolder }, { address, values: poolerValues })
  const ports = roleDefaults('haproxy')
  // One connection that is kept: a check must not take long on a busy machine.
  const watcher = new pg.Pool({ connectionString: socketUrl(socketFolder, DATABASE, SUPERUSER), max: 1 })
  watcher.on('error', () => undefined)
  const listeners = [
    tellsRole(watcher).listen(ports['haproxy_patroni_port'] as number, address),
    leadsTo(socket).listen(ports['haproxy_postgres_port'] as number, address),
  ]
  t.after(async () => {
    for (const listener of listeners) listener.close()
    await watcher.end()
    await server.stop()
  })
  return {
    name,
    address,
    socketFolder,
    pooler,
    query,
    stop: () => server.stop(),
    async start() {
      server = await start()
    },
    async promote() {
      await query('select pg_promote()')
    },
    async follow(other) {
      await query(`alter system set primary_conninfo = 'host=${other.socketFolder} user=${SUPERUSER}'`)
      await query('select pg_reload_conf()')
    },
    async lag(milliseconds) {
      await query(`alter system set recovery_min_apply_delay = '${milliseconds}ms'`)
      await query('select pg_reload_conf()')
    },
  }
}

/** As Patroni does: GET or OPTIONS /primary and /replica say 200 or 503. */
function tellsRole(watcher: pg.Pool): HttpServer {
  return createServer((request, response) => {
    const asked = request.url?.startsWith('/primary') ? 'primary' : 'replica'
    watcher
      .query<{ role: string }>(
        `select case when pg_is_in_recovery() then 'replica' else 'primary' end as role`,
      )
      .then(({ rows: [row] }) => row?.role === asked)
      .catch(() => false)
      .then((is) => response.writeHead(is ? 200 : 503).end())
      .catch(() => undefined)
  })
}

/** PostgreSQL's port, which our own servers do not open. */
function leadsTo(socket: string): Server {
  return createTcpServer((near) => {
    const far = connect(socket)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => other.destroy()).on('close', () => other.destroy())
      one.pipe(other)
    }
  })
}
