import type pg from 'pg'
import { changedBy } from './changes.ts'
import type { Config } from './config.ts'
import type { Logger } from './log.ts'
import { catchesUp, createPositionReader } from './position.ts'
import type { PositionMemory } from './position.ts'
import { createDirectCall, createKysely, createPool, sqlState } from './postgres.ts'
import type { Db, DirectCall, Tx } from './postgres.ts'
import { askAnything } from './readiness-store.ts'

/** Who reads and writes, as far as the choice of a server is concerned. */
export interface DatabaseUser {
  /** A position the caller brought along (cookie, header, job payload). */
  position?: string | undefined
  /** Callers without a cookie of their own: positions are remembered under this name. */
  identity?: string | undefined
  /** False makes `write` and `call` throw: a request that does not declare writes cannot write. */
  writes: boolean
}

/**
 * The only handle a request or job has to the database. It alone decides which server answers: what may be stale goes
 * to the read pool, unless this person wrote something that the replica does not show yet.
 */
export interface RequestDb {
  /** Reads that may be a moment old, but never miss what this caller wrote. */
  read<T>(query: (db: Db) => Promise<T>): Promise<T>
  /** Reads that must be true now: passwords, keys, roles. Read only, on the primary. */
  readPrimary<T>(query: (db: Db) => Promise<T>): Promise<T>
  /**
   * The one transaction of a request; rolled back on any throw. A second one throws.
   *
   * @param options.retries how often it is begun again after a deadlock or a conflict with another transaction; for
   * work that has no effect outside the transaction and reads nothing that ends.
   */
  write<T>(work: (tx: Tx) => Promise<T>, options?: { retries?: number }): Promise<T>
  /**
   * One autocommitted statement on the primary: one round trip.
   *
   * @param statement composes it with `db`, or sends a ready text by `direct`.
   * @param options.silent nothing that a later read of this caller must see: costs no position.
   */
  call<T>(statement: (db: Db, direct: DirectCall) => Promise<T>, options?: { silent?: boolean }): Promise<T>
  /** The position of the last commit, after which a replica shows it; undefined when nothing was written. */
  position(): Promise<string | undefined>
}

export interface Database {
  open(user: DatabaseUser): RequestDb
  /** Runs an effect once a transaction opened by `write` has committed; never when it rolls back. */
  afterCommitOf(tx: Tx, effect: () => void): void
  isReady(): Promise<boolean>
  close(): Promise<void>
  readonly pools: { readonly write: pg.Pool; readonly read: pg.Pool }
}

/** Told, after a commit, which things changed (see `noteChanged`) and what a replica must show to know of it. */
export type ChangeListener = (things: readonly string[], position: string | undefined) => Promise<void>

/** Opens both pools. Nothing connects before the first query. */
export function createDatabase(
  config: Config['database'],
  positions: PositionMemory,
  log: Logger,
  onChange: ChangeListener,
): Database {
  const writePool = createPool({ url: config.writeUrl, max: config.poolMax }, log)
  const readPool = createPool({ url: config.readUrl, max: config.poolMax }, log)
  const primary = createKysely(writePool)
  const replica = createKysely(readPool)
  const direct = createDirectCall(writePool)
  const readPosition = createPositionReader(primary)
  const effects = new WeakMap<Tx, (() => void)[]>()

  return {
    open: (user) =>
      openFor(user, {
        primary,
        direct,
        replica,
        hasReplicas: config.hasReplicas,
        positions,
        readPosition,
        effects,
        onChange,
      }),
    afterCommitOf(tx, effect) {
      effects.set(tx, [...(effects.get(tx) ?? []), effect])
    },
    async isReady() {
      try {
        await Promise.all([primary, replica].map(askAnything))
        return true
      } catch {
        return false
      }
    },
    async close() {
      await Promise.all([writePool.end(), readPool.end()])
    },
    pools: { write: writePool, read: readPool },
  }
}

interface Servers {
  primary: Db
  direct: DirectCall
  replica: Db
  hasReplicas: boolean
  positions: PositionMemory
  readPosition: () => Promise<string>
  effects: WeakMap<Tx, (() => void)[]>
  onChange: ChangeListener
}

function openFor(user: DatabaseUser, servers: Servers): RequestDb {
  const { primary, replica, hasReplicas, positions } = servers
  let known: Promise<string | undefined> | undefined
  let committed: Promise<string> | undefined
  let hasWritten = false

  /** The position this caller's reads must see: of this request's own commit, brought along, or remembered. */
  function wanted(): Promise<string | undefined> {
    known ??=
      user.position !== undefined || user.identity === undefined
        ? Promise.resolve(user.position)
        : positions.positionFor(user.identity)
    return committed ?? known
  }

  function readPrimary<T>(query: (db: Db) => Promise<T>): Promise<T> {
    return primary.transaction().setAccessMode('read only').execute(query)
  }

  function noteCommit(): void {
    if (!hasReplicas) return
    const position = servers.readPosition()
    // Whoever awaits `position()` sees a failure; a request that does not must not end the process.
    position.catch(() => undefined)
    committed = position
    known = undefined
    if (user.identity !== undefined) {
      const { identity } = user
      void position.then((value) => positions.remember(identity, value)).catch(() => undefined)
    }
  }

  /** Before the caller is told: its next request finds nothing made of the state before. */
  async function tellChanges(things: readonly string[]): Promise<void> {
    // Without its position the primary was lost after the commit: then there is nobody to read from either.
    if (things.length > 0) await servers.onChange(things, await committed?.catch(() => undefined))
  }

  function mustWrite(): void {
    if (!user.writes) throw new Error('This route does not declare that it writes')
  }

  return {
    async read(query) {
      const position = hasReplicas ? await wanted() : undefined
      if (position === undefined) return query(replica)
      if (position === 'unknown') return readPrimary(query)
      // One connection for check and query: behind a balancer the next one may be another server.
      const outcome = await replica
        .connection()
        .execute(async (db) => ((await catchesUp(db, position)) ? { rows: await query(db) } : undefined))
      return outcome ? outcome.rows : readPrimary(query)
    },

    readPrimary,

    async write(work, { retries = 0 } = {}) {
      mustWrite()
      if (hasWritten) throw new Error('A request has one transaction; this is the second')
      hasWritten = true
      let transaction: Tx | undefined
      const value = await retried(retries, () =>
        primary.transaction().execute((tx) => {
          transaction = tx
          return work(tx)
        }),
      )
      noteCommit()
      if (transaction) {
        for (const effect of servers.effects.get(transaction) ?? []) effect()
        await tellChanges(changedBy(transaction))
      }
      return value
    },

    async call(statement, { silent = false } = {}) {
      mustWrite()
      // One statement leaves nothing behind when it fails, so it may be tried again.
      const value = await retried(2, () => statement(primary, servers.direct))
      if (!silent) noteCommit()
      return value
    },

    async position() {
      return committed
    },
  }
}

/** Deadlock, and a conflict that the database tells to try again. */
const TRY_AGAIN = new Set(['40P01', '40001'])

async function retried<T>(retries: number, transaction: () => Promise<T>): Promise<T> {
  for (let left = retries; ; left -= 1) {
    try {
      return await transaction()
    } catch (error) {
      if (left <= 0 || !TRY_AGAIN.has(sqlState(error) ?? '')) throw error
    }
  }
}
