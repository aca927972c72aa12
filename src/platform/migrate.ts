import { readFile, readdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { Logger } from './log.ts'
import { applyInTransaction, applyPlain, listApplied, whileLocked } from './migration-store.ts'
import type { LockPatience } from './migration-store.ts'

/** Where the project's migrations stand. */
export const migrationsFolder = fileURLToPath(new URL('../migrations', import.meta.url))

/** Longer than any request or report may hold a table, and short against the time that a deploy has. */
const PATIENCE: LockPatience = { waitMs: 2_000, pauseMs: 3_000, patienceMs: 300_000 }

/**
 * Brings a database to the newest schema: the numbered SQL files it does not have yet, in order. Safe to run by
 * several processes at once: one works, the others wait and then find nothing to do.
 *
 * @param url a session connection as the owner of the schema, never through a transaction pooler.
 * @returns the names of the files applied by this call.
 * @throws Error naming the file that failed; the files before it stay applied.
 */
export async function migrate(
  url: string,
  log: Logger,
  folder = migrationsFolder,
  patience = PATIENCE,
): Promise<string[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await whileLocked(client, async () => {
      const applied = await listApplied(client)
      const names = (await listMigrations(folder)).filter((name) => !applied.has(name))
      for (const name of names) {
        log.info({ migration: name }, 'applying migration')
        await applyFile(client, folder, name, patience)
      }
      return names
    })
  } finally {
    await client.end()
  }
}

/** First line of a migration that takes away what nothing has needed since another one. */
const CONTRACT = /^-- contract: (\d{4}-\S+\.sql)$/m

/**
 * What is to be applied and would keep the release that runs now from running: migrations that take something away, while
 * that release is older than the one that stopped to need it. Such a migration names the one that came with that release.
 *
 * @param folder the migrations of the new release.
 * @param running those of the release that runs now.
 * @returns a sentence for each.
 */
export async function unfitMigrations(url: string, folder: string, running: string): Promise<string[]> {
  const applied = await appliedAt(url)
  const names = (await listMigrations(folder)).filter((name) => !applied.has(name))
  const known = new Set(await readdir(running))
  const unfit = names.map(async (name) => {
    const sql = await readFile(resolve(folder, name), 'utf8')
    const since = CONTRACT.exec(sql)?.[1]
    if (since !== undefined) return known.has(since) ? [] : [`${name} needs a release with ${since}`]
    const taken = removalsIn(sql)
    return taken.length === 0
      ? []
      : [`${name} does not say since when nothing needs it (${taken.join(', ')})`]
  })
  return (await Promise.all(unfit)).flat()
}

/**
 * What the database no longer has and a release needs.
 *
 * @param folder the migrations of that release.
 * @param others those of other releases, which may know what was applied.
 * @returns a sentence for each.
 */
export async function missingFor(url: string, folder: string, others: readonly string[]): Promise<string[]> {
  const applied = await appliedAt(url)
  const known = new Set(await listMigrations(folder))
  const missing = new Set<string>()
  for (const other of others) {
    for (const name of await listMigrations(other)) {
      if (known.has(name) || !applied.has(name)) continue
      const since = CONTRACT.exec(await readFile(resolve(other, name), 'utf8'))?.[1]
      if (since !== undefined && !known.has(since)) missing.add(`${name} needs a release with ${since}`)
    }
  }
  return [...missing].sort()
}

async function appliedAt(url: string): Promise<Set<string>> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await listApplied(client)
  } finally {
    await client.end()
  }
}

/** Statements after which a release that was written before may fail. */
const REMOVALS = [
  /\bdrop\s+(?:table|view|materialized\s+view|function|procedure|type|schema|sequence)\b/i,
  /\bdrop\s+column\b/i,
  /\brename\s+(?:to|column|value|attribute|constraint)\b/i,
  /\brename\s+\w+\s+to\b/i,
  /\bset\s+not\s+null\b/i,
  /\bdrop\s+default\b/i,
  // A column that must be given, by a release that does not know of it.
  /\badd\s+column\b(?:\([^()]*\)|(?!\b(?:default|generated)\b)[^,;()])*\bnot\s+null\b(?![^,;]*\b(?:default|generated)\b)/i,
  /\balter\s+(?:column\s+)?\w+\s+(?:set\s+data\s+)?type\b/i,
  /\btruncate\b/i,
]

/** What a migration takes away or asks more of. Bodies of functions do nothing yet, and strings and comments never. */
export function removalsIn(sql: string): string[] {
  const bare = sql
    .replaceAll(/\$(\w*)\$[^]*?\$\1\$/g, "''")
    .replaceAll(/--.*$|\/\*[^]*?\*\//gm, ' ')
    .replaceAll(/'(?:[^']|'')*'/g, "''")
  return REMOVALS.flatMap((removal) => removal.exec(bare)?.[0].toLowerCase().replaceAll(/\s+/g, ' ') ?? [])
}

/** The names of this version's migrations, in order. */
export async function listMigrations(folder = migrationsFolder): Promise<string[]> {
  const files = await readdir(folder)
  return files.filter((file) => /^\d{4}-.+\.sql$/.test(file)).sort()
}

async function applyFile(
  client: pg.Client,
  folder: string,
  name: string,
  patience: LockPatience,
): Promise<void> {
  const sql = await readMigration(resolve(folder, name))
  try {
    if (sql.startsWith('-- no transaction'))
      await applyPlain(
        client,
        name,
        sql.split(/;\s*$/m).filter((part) => part.trim()),
      )
    else await applyInTransaction(client, name, sql, patience)
  } catch (error) {
    throw new Error(`Migration ${name} failed: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}

/** A migration's text, with each line `-- include <path>` replaced by that file: a function's source is kept once. */
async function readMigration(path: string): Promise<string> {
  const lines = (await readFile(path, 'utf8')).split('\n')
  const parts = await Promise.all(
    lines.map(async (line) => {
      const included = /^-- include (\S+)$/.exec(line)?.[1]
      return included === undefined ? line : readFile(resolve(dirname(path), included), 'utf8')
    }),
  )
  return parts.join('\n')
}
