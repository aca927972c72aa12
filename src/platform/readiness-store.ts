import { sql } from 'kysely'
import type pg from 'pg'
import type { Db } from './postgres.ts'

const IS_PRIMARY = 'select not pg_is_in_recovery() as is'

/** Whether the server behind a pool is a primary. */
export async function isPrimary(db: Db): Promise<boolean> {
  const { rows } = await sql<{ is: boolean }>`${sql.raw(IS_PRIMARY)}`.execute(db)
  return rows[0]?.is === true
}

/** The same of the server behind one connection. */
export async function leadsToPrimary(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ is: boolean }>(IS_PRIMARY)
  return rows[0]?.is === true
}

/** Which of these migrations a server does not have. */
export async function listMissing(db: Db, names: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select name from unnest(${names}::text[]) name where name not in (select m.name from schema_migration m)
  `.execute(db)
  return rows.map(({ name }) => name)
}
