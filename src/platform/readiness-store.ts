import { sql } from 'kysely'
import type { Db } from './postgres.ts'

/** Resolves when the server behind a pool answers. */
export async function askAnything(db: Db): Promise<void> {
  await sql`select 1`.execute(db)
}
