import pg from 'pg'

const SETTINGS = ['DATABASE_WRITE_URL', 'DATABASE_READ_URL', 'DATABASE_DIRECT_URL'] as const
const PATIENCE_MS = 5_000

/**
 * Connects once to each database that a setting names.
 *
 * @throws Error with the setting, the reason and what to do.
 */
export async function mustReachDatabases(env: NodeJS.ProcessEnv): Promise<void> {
  for (const name of SETTINGS) {
    const url = env[name]
    if (!url) continue
    try {
      await connectOnce(url)
    } catch (error) {
      const message = `${name} names a database that cannot be reached: ${reasonOf(error)}.
Start that server or correct the address; without DATABASE_WRITE_URL, npm start brings its own database.`
      throw new Error(message, { cause: error })
    }
  }
}

async function connectOnce(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: PATIENCE_MS })
  // A connection that fails late has been told by then.
  client.on('error', () => undefined)
  try {
    await client.connect()
  } finally {
    await client.end()
  }
}

/** A name with several addresses fails once for each of them, and says nothing itself. */
function reasonOf(error: unknown): string {
  const errors: unknown[] = error instanceof AggregateError ? error.errors : [error]
  return errors.map((one) => (one instanceof Error ? one.message : String(one))).join(', ')
}
