import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

/** Any number that no other advisory lock of this database uses. */
const LOCK = 7_263_001

/** For how long a migration waits for a lock, how long it then lets others pass, and when it gives up. */
export interface LockPatience {
  readonly waitMs: number
  readonly pauseMs: number
  readonly patienceMs: number
}

/** The names of the migrations that a database has. */
export async function listApplied(client: pg.ClientBase): Promise<Set<string>> {
  await client.query(
    'create table if not exists schema_migration (name text primary key, applied timestamptz not null default now())',
  )
  const { rows } = await client.query<{ name: string }>('select name from schema_migration')
  return new Set(rows.map(({ name }) => name))
}

async function hasLocked(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ mine: boolean }>('select pg_try_advisory_lock($1) as mine', [LOCK])
  return rows[0]?.mine === true
}

/** Runs `work` while no other process migrates the same database; the lock goes with the connection. */
export async function whileLocked<T>(client: pg.ClientBase, work: () => Promise<T>): Promise<T> {
  // Asked for again and again: who waits within a statement would stop an index from being built concurrently.
  while (!(await hasLocked(client))) await sleep(200)
  try {
    return await work()
  } finally {
    await client.query('select pg_advisory_unlock($1)', [LOCK])
  }
}

/**
 * Runs one migration and remembers it, in one transaction. Whoever waits for a table lets all that come later wait behind
 * it, readers too: so it waits for a moment only, lets them pass, and tries again.
 *
 * @throws Error when a table that it needs was not to be had for that long.
 */
export async function applyInTransaction(
  client: pg.ClientBase,
  name: string,
  sql: string,
  { waitMs, pauseMs, patienceMs }: LockPatience,
): Promise<void> {
  const until = Date.now() + patienceMs
  for (;;) {
    try {
      await tryInTransaction(client, name, sql, waitMs)
      return
    } catch (error) {
      if (!isBusy(error)) throw error
      if (Date.now() + pauseMs > until)
        throw new Error(
          `what it changes is in use, and was not let go of in ${Math.round(patienceMs / 1000)} s. Nothing of it was ` +
            'applied. End the transaction that holds it (pg_stat_activity shows which is open for long), and try again.',
          { cause: error },
        )
    }
    await sleep(pauseMs)
  }
}

/** A lock that was waited for too long, or a deadlock. */
function isBusy(error: unknown): boolean {
  return error instanceof pg.DatabaseError && ['55P03', '40P01'].includes(error.code ?? '')
}

async function tryInTransaction(
  client: pg.ClientBase,
  name: string,
  sql: string,
  waitMs: number,
): Promise<void> {
  await client.query('begin')
  try {
    await client.query(`set local lock_timeout = ${waitMs}`)
    await client.query(sql)
    await client.query('insert into schema_migration (name) values ($1)', [name])
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

/**
 * Runs a migration that cannot be in a transaction (CREATE INDEX CONCURRENTLY), statement by statement. An index that
 * a crash left invalid is dropped first, so that running it again builds it.
 */
export async function applyPlain(client: pg.ClientBase, name: string, statements: string[]): Promise<void> {
  const { rows } = await client.query<{ index: string }>(
    'select indexrelid::regclass::text as index from pg_index where not indisvalid',
  )
  for (const { index } of rows) await client.query(`drop index concurrently if exists ${index}`)
  for (const statement of statements) await client.query(statement)
  await client.query('insert into schema_migration (name) values ($1)', [name])
}
