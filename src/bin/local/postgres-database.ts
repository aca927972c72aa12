import { readFileSync } from 'node:fs'
import pg from 'pg'
import type { PostgresServer } from './postgres.ts'
import { SUPERUSER } from './postgres-settings.ts'

/** The database of a server of ours. */
export const DATABASE = 'manyhands'

const rolesSql = sql('roles')
const hasDatabaseSql = sql('has-database')
const createDatabaseSql = sql('database')

/**
 * Makes the roles and the (empty) database that migrations expect, where they are missing.
 *
 * @returns whether the database is new.
 */
export async function prepareDatabase(server: PostgresServer): Promise<boolean> {
  const client = new pg.Client({ connectionString: server.url('postgres', SUPERUSER) })
  await client.connect()
  try {
    await client.query(rolesSql)
    const { rowCount } = await client.query(hasDatabaseSql, [DATABASE])
    if (rowCount !== 0) return false
    await client.query(createDatabaseSql)
    return true
  } finally {
    await client.end()
  }
}

function sql(name: string): string {
  return readFileSync(new URL(`sql/${name}.sql`, import.meta.url), 'utf8')
}
