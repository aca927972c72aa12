import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { identifyProcess, isRunning } from '../../src/bin/local/os-process.ts'
import { DATABASE } from '../../src/bin/local/postgres-database.ts'
import { startPostgres } from '../../src/bin/local/postgres.ts'
import type { PostgresPlace, PostgresRole } from '../../src/bin/local/postgres.ts'
import { copyMigratedCluster } from './servers.ts'
import type { Ending } from './servers.ts'

export interface OwnPostgres {
  readonly place: PostgresPlace
  readonly socketFolder: string
  url(role: PostgresRole): string
  /** Stops it in immediate mode, as a crash does, and starts it again: what it has promised is in its log. */
  crash(): Promise<void>
}

/**
 * A PostgreSQL of a test's own with the migrated, empty database, to be crashed. It waits for its disk and notes when
 * each transaction committed.
 */
export async function startOwnPostgres(t: Ending): Promise<OwnPostgres> {
  const root = mkdtempSync(join(tmpdir(), 'mh-o-'))
  const [folder, socketFolder] = [join(root, 'p'), join(root, 's')]
  const place = await copyMigratedCluster(folder)
  appendFileSync(join(folder, 'cluster/postgresql.auto.conf'), "track_commit_timestamp = 'on'\n")
  const start = () => startPostgres(place, { folder, socketFolder, maxConnections: 100, durable: true })
  let server = await start()
  t.after(async () => {
    await server.stop()
    rmSync(root, { recursive: true, force: true })
  })
  return {
    place,
    socketFolder,
    url: (role) => server.url(DATABASE, role),
    async crash() {
      const identity = identifyProcess(server.pid)
      process.kill(server.pid, 'SIGQUIT')
      while (identity && isRunning(identity)) await sleep(5)
      server = await start()
    },
  }
}
