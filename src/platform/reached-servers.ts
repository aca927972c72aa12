import type pg from 'pg'
import { leadsToPrimary } from './readiness-store.ts'

/**
 * Which server a pool's connections lead to. HAProxy chooses one when a connection is made, and cuts it when that server's
 * role changes; a pooler has one server behind it. So each connection is asked once.
 */
export interface ReachedServers {
  /** Asks a new connection, before anybody uses it. */
  meet(client: pg.ClientBase): Promise<void>
  /** Notes that somebody takes a connection. */
  noteUse(client: pg.ClientBase): void
  /**
   * Whether the connection that was taken last leads to the primary. A read may take several, each for a statement: over
   * many reads this one is as good as any of them.
   */
  isPrimary(): boolean
}

export function createReachedServers(): ReachedServers {
  const primaries = new WeakSet<pg.ClientBase>()
  let isPrimary = false
  return {
    async meet(client) {
      if (await leadsToPrimary(client)) primaries.add(client)
    },
    noteUse(client) {
      isPrimary = primaries.has(client)
    },
    isPrimary: () => isPrimary,
  }
}
