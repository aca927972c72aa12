import { sql } from 'kysely'
import type { Db } from './postgres.ts'

/** The primary's WAL flush position; call it after COMMIT. */
export async function flushPosition(primary: Db): Promise<string> {
  const { rows } = await sql<{
    position: string
  }>`select pg_current_wal_flush_lsn()::text as position`.execute(primary)
  const [row] = rows
  if (!row) throw new Error('pg_current_wal_flush_lsn() gave no row')
  return row.position
}

/** Whether a server shows everything up to a position. On a primary the replay position means nothing: always true. */
export async function hasReplayed(server: Db, position: string): Promise<boolean> {
  const { rows } = await sql<{ ready: boolean }>`
    select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() >= ${position}::pg_lsn else true end as ready
  `.execute(server)
  return rows[0]?.ready === true
}
