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

/** How far a server is, compared with a position. */
export type ReplayState = 'shown' | 'behind' | 'primary'

/** Whether a server shows everything up to a position. On a primary the replay position means nothing. */
export async function replayState(server: Db, position: string): Promise<ReplayState> {
  const { rows } = await sql<{ state: ReplayState }>`
    select case when not pg_is_in_recovery() then 'primary'
                when pg_last_wal_replay_lsn() >= ${position}::pg_lsn then 'shown' else 'behind' end as state
  `.execute(server)
  return rows[0]?.state ?? 'behind'
}

/**
 * Whether a server shows all that was committed up to so many seconds ago: it has replayed a commit of since then. That
 * it has replayed all it was sent says nothing of one that is cut off.
 */
export async function isWithin(server: Db, seconds: number): Promise<boolean> {
  const { rows } = await sql<{ is: boolean | null }>`
    select not pg_is_in_recovery()
        or pg_last_xact_replay_timestamp() > clock_timestamp() - make_interval(secs => ${seconds}) as is
  `.execute(server)
  return rows[0]?.is === true
}

/**
 * How far the server of this connection is behind the primary, in seconds; undefined for the primary itself. 0 when it
 * has replayed all that the primary had written just before: that it has replayed all it was sent says nothing.
 *
 * @param position of the primary; undefined when that is away.
 */
export async function replayLag(server: Db, position: string | undefined): Promise<number | undefined> {
  const { rows } = await sql<{ seconds: number | null }>`
    select case when not pg_is_in_recovery() then null
                when pg_last_wal_replay_lsn() >= ${position ?? null}::pg_lsn then 0
                else extract(epoch from clock_timestamp()
                  - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time()))::float8 end as seconds
  `.execute(server)
  return rows[0]?.seconds ?? undefined
}
