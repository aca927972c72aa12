import type pg from 'pg'
import { messageOf } from '../lib/errors.ts'
import type { DatabaseHealth } from './database-health.ts'
import { listMigrations } from './migrate.ts'
import { isDatabaseAway, isDatabaseOverloaded, isDatabaseSilent } from './postgres.ts'
import type { Db } from './postgres.ts'
import { isPrimary, listMissing } from './readiness-store.ts'

export interface Readiness {
  /** Why this process cannot serve; undefined when it can. */
  trouble(): Promise<string | undefined>
  /**
   * What was found last, but for a database that is away: much is served without one. Asks nothing of it, since where
   * it is away that takes longer than whoever probes will wait.
   */
  troubleBesidesAway(): string | undefined
}

const AWAY = 'database away'

/** Busy pools count as usable for so long after they were last seen to be, in milliseconds. */
const TRUSTED_MS = 10_000

export interface ReadinessParts {
  readonly replica: Db
  readonly primary: Db
  readonly pools: readonly pg.Pool[]
  readonly health: DatabaseHealth
}

/**
 * Looks whether either pool leads to a server that has every migration of this version. One is enough: pages are read
 * without a primary, and without replicas the primary answers. What was found of the primary is noted.
 */
export function createReadiness({ replica, primary, pools, health }: ReadinessParts): Readiness {
  let trustedUntil = 0
  let looking: Promise<string | undefined> | undefined
  let lookingAtPrimary: Promise<string[]> | undefined
  let hasSchema = false
  let found: string | undefined = 'not looked for a database yet'

  async function missingIn(db: Db): Promise<string[]> {
    if (hasSchema) {
      await isPrimary(db)
      return []
    }
    const missing = await listMissing(db, await listMigrations())
    // Migrations are never taken back.
    hasSchema = missing.length === 0
    return missing
  }

  async function lookAtPrimary(): Promise<string[]> {
    try {
      const isThere = await isPrimary(primary)
      health.notePrimary(!isThere)
      return await missingIn(primary)
    } catch (error) {
      if (!isDatabaseOverloaded(error)) health.notePrimary(true)
      throw error
    } finally {
      lookingAtPrimary = undefined
    }
  }

  async function look(): Promise<string | undefined> {
    // One at a time: where an address leads nowhere, each takes seconds to fail.
    lookingAtPrimary ??= lookAtPrimary()
    try {
      const missing = await Promise.any([missingIn(replica), lookingAtPrimary])
      if (missing.length > 0) return `the database lacks migrations: ${missing.join(', ')}`
    } catch (error) {
      return reasonOf(error)
    }
    trustedUntil = Date.now() + TRUSTED_MS
    return undefined
  }

  return {
    async trouble() {
      looking ??= look()
        .then((trouble) => (found = trouble))
        .finally(() => {
          looking = undefined
        })
      // It stands behind others and waits as they do: whoever probes would take a process for away that is only busy.
      if (pools.some(({ waitingCount }) => waitingCount > 0) && Date.now() < trustedUntil) return undefined
      return looking
    },
    troubleBesidesAway: () => (found === AWAY ? undefined : found),
  }
}

/** Of two servers that failed, each for a reason of its own. */
function reasonOf(error: unknown): string {
  const errors: unknown[] = error instanceof AggregateError ? error.errors : [error]
  const other = errors.find((one) => !isDatabaseAway(one) && !isDatabaseSilent(one))
  return other === undefined ? AWAY : `database of no use: ${messageOf(other)}`
}
