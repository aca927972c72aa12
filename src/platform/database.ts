import type pg from 'pg'
import { changedBy } from './changes.ts'
import { AppError } from '../lib/errors.ts'
import type { Config } from './config.ts'
import { BrokenCopyError } from './copy.ts'
import { createHealth } from './database-health.ts'
import type { DatabaseHealth } from './database-health.ts'
import type { Logger } from './log.ts'
import { createOwnPosition } from './own-position.ts'
import type { PositionOwner } from './own-position.ts'
import { createPatience, createPositionReader } from './position.ts'
import { isWithin, replayLag, replayState } from './position-store.ts'
import type { PositionMemory } from './position.ts'
import {
  WrongServerError,
  createDirectCall,
  createKysely,
  createPool,
  isDatabaseAway,
  isDatabaseOverloaded,
  isWrongServer,
  sqlState,
} from './postgres.ts'
import type { Db, DirectCall, Tx } from './postgres.ts'
import { createReachedServers } from './reached-servers.ts'
import type { ReachedServers } from './reached-servers.ts'
import { createReadiness } from './readiness.ts'
import type { Readiness } from './readiness.ts'

/** Who reads and writes, as far as the choice of a server is concerned. */
export interface DatabaseUser extends PositionOwner {
  /** False makes `write` and `call` throw: a request that does not declare writes cannot write. */
  writes: boolean
  /** Whether nobody waits for what comes of it any more: what is not committed by then is rolled back. */
  isGone?: () => boolean
}

/**
 * The only handle a request or job has to the database. It alone decides which server answers: what may be stale goes
 * to the read pool, unless this person wrote something that the replica does not show yet.
 */
export interface RequestDb {
  /**
   * Reads that may be a moment old, but never miss what this caller wrote while the primary is there. Asked once more
   * elsewhere when a server goes away meanwhile.
   */
  read<T>(query: (db: Db) => Promise<T>): Promise<T>
  /** Reads that must be true now: passwords, keys, roles. Read only, on the primary. */
  readPrimary<T>(query: (db: Db) => Promise<T>): Promise<T>
  /**
   * Reads of who somebody is: on the primary; while that is away on a replica that is not far behind. Throws what the
   * primary threw when there is none, or when the primary is only busy: what it has revoked must not work again.
   */
  readIdentity<T>(query: (db: Db) => Promise<T>): Promise<Identity<T>>
  /**
   * The one transaction of a request; rolled back on any throw, and when who asked goes away. A second one throws.
   *
   * @param options.retries how often it is begun again after a deadlock or a conflict with another transaction: once,
   * unless told otherwise. Never for work that reads something that ends.
   */
  write<T>(work: (tx: Tx) => Promise<T>, options?: { retries?: number }): Promise<T>
  /**
   * One autocommitted statement on the primary: one round trip.
   *
   * @param statement composes it with `db`, or sends a ready text by `direct`.
   * @param options.silent nothing that a later read of this caller must see: costs no position.
   */
  call<T>(statement: (db: Db, direct: DirectCall) => Promise<T>, options?: { silent?: boolean }): Promise<T>
  /**
   * The position of the last commit, after which a replica shows it; undefined when nothing was written, 'unknown' when
   * the primary could not be asked after it. By then it is remembered, where it is kept for the caller.
   */
  position(): Promise<string | undefined>
  /**
   * Whether replicas answer in place of a primary that is away: nothing can be written. Of a request that was answered
   * so it stays true.
   */
  isReadOnly(): boolean
}

/** What was read of who somebody is. */
export interface Identity<T> {
  readonly value: T
  /** What was given lately is there; what was taken lately may be there too. */
  readonly isFromReplica: boolean
}

export interface Database {
  open(user: DatabaseUser): RequestDb
  /** Runs an effect once a transaction opened by `write` has committed; never when it rolls back. */
  afterCommitOf(tx: Tx, effect: () => void): void
  /** Whether there is a server to read from, with the schema that this version expects. */
  readonly readiness: Readiness
  readonly health: DatabaseHealth
  /** How far the server that a read leads to just now is behind, in seconds; undefined when it is the primary. */
  replicaLag(): Promise<number | undefined>
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
  const { poolMax: max, poolLifetimeSeconds: lifetimeSeconds } = config
  const writePool = createPool({ url: config.writeUrl, max, lifetimeSeconds }, log)
  const reached = createReachedServers()
  const readPool = createPool({ url: config.readUrl, max, lifetimeSeconds }, log, reached.meet)
  readPool.on('acquire', reached.noteUse)
  const health = createHealth()
  const effects = new WeakMap<Tx, (() => void)[]>()
  const primary = createKysely(writePool)
  const servers: Servers = {
    primary,
    direct: createDirectCall(writePool),
    replica: createKysely(readPool),
    reached,
    hasReplicas: config.hasReplicas,
    trustedLagSeconds: config.trustedLagSeconds,
    positions,
    readPosition: createPositionReader(primary),
    effects,
    health,
    onChange,
  }

  return {
    open: (user) => openFor(user, servers),
    afterCommitOf(tx, effect) {
      effects.set(tx, [...(effects.get(tx) ?? []), effect])
    },
    readiness: createReadiness({ replica: servers.replica, primary, pools: [readPool, writePool], health }),
    health,
    async replicaLag() {
      const position = await servers.readPosition().catch(() => undefined)
      return replayLag(servers.replica, position)
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
  reached: ReachedServers
  hasReplicas: boolean
  trustedLagSeconds: number
  positions: PositionMemory
  readPosition: () => Promise<string>
  effects: WeakMap<Tx, (() => void)[]>
  health: DatabaseHealth
  onChange: ChangeListener
}

function openFor(user: DatabaseUser, servers: Servers): RequestDb {
  const { primary, replica, reached, hasReplicas, health } = servers
  const own = createOwnPosition(user, servers.positions, hasReplicas ? servers.readPosition : undefined)
  const patience = createPatience()
  let hasWritten = false
  /** A replica answered that may not show what this caller wrote. */
  let mayMissOwn = false

  /** Notes whether the primary was there. */
  async function onPrimary<T>(work: () => Promise<T>): Promise<T> {
    try {
      const value = await work()
      health.notePrimary(false)
      return value
    } catch (error) {
      if (!isDatabaseOverloaded(error)) health.notePrimary(isDatabaseAway(error))
      throw error
    }
  }

  function readPrimary<T>(query: (db: Db) => Promise<T>): Promise<T> {
    return onPrimary(() => primary.transaction().setAccessMode('read only').execute(query))
  }

  /** A primary that is busy is not replaced: who wrote would miss it, and not be told so. */
  async function readPrimaryElseReplica<T>(query: (db: Db) => Promise<T>): Promise<T> {
    try {
      // One connection that breaks does not tell that the primary is away: another one does.
      return await readPrimary(query).catch((error: unknown) => {
        if (!isPrimaryToBeReplaced(error)) throw error
        return readPrimary(query)
      })
    } catch (error) {
      if (!isPrimaryToBeReplaced(error)) throw error
      mayMissOwn = true
      health.countRead('replica: primary away')
      return query(replica)
    }
  }

  /** From a replica that is not far behind; undefined when the one that was asked is. */
  function readTrusted<T>(query: (db: Db) => Promise<T>): Promise<{ rows: T } | undefined> {
    return replica.connection().execute(async (db) => {
      if (!(await isWithin(db, servers.trustedLagSeconds))) return undefined
      health.countRead('replica: primary away')
      return { rows: await query(db) }
    })
  }

  async function readIdentity<T>(query: (db: Db) => Promise<T>): Promise<Identity<T>> {
    health.countRead('primary: must be true')
    try {
      return { value: await readPrimary(query), isFromReplica: false }
    } catch (error) {
      if (!hasReplicas || !isDatabaseAway(error) || isDatabaseOverloaded(error)) throw error
      const outcome = await readTrusted(query)
      if (!outcome) throw error
      return { value: outcome.rows, isFromReplica: true }
    }
  }

  /** From a replica that shows all that this caller must see; undefined when the one that was asked does not. */
  function readShown<T>(query: (db: Db) => Promise<T>, position: string): Promise<{ rows: T } | undefined> {
    // One connection for check and query: behind a balancer the next one may be another server.
    return replica.connection().execute(async (db) => {
      const state = await replayState(db, position)
      if (state === 'behind') return undefined
      const rows = await query(db)
      health.countRead(state === 'primary' ? 'primary: no replica' : 'replica')
      return { rows }
    })
  }

  /** Waits for a replica if need be, and holds no connection meanwhile: others want to read. */
  async function readReplica<T>(
    query: (db: Db) => Promise<T>,
    position: string | undefined,
  ): Promise<{ rows: T } | undefined> {
    if (position === undefined) {
      const rows = await query(replica)
      health.countRead(reached.isPrimary() ? 'primary: no replica' : 'replica')
      return { rows }
    }
    if (patience.isOver()) return undefined
    let outcome = await readShown(query, position)
    while (!outcome && (await patience.wait())) outcome = await readShown(query, position)
    return outcome
  }

  async function readWhereItIsShown<T>(query: (db: Db) => Promise<T>): Promise<T> {
    const position = await own.wanted()
    const fromPrimary = (why: Parameters<DatabaseHealth['countRead']>[0]) => {
      health.countRead(why)
      return readPrimaryElseReplica(query)
    }
    if (position === 'unknown') return fromPrimary('primary: position unknown')
    try {
      const outcome = await readReplica(query, position)
      if (outcome) return outcome.rows
    } catch (error) {
      if (isInReplaysWay(error)) return fromPrimary('primary: replica busy')
      if (!isToBeAskedElsewhere(error)) throw error
      return fromPrimary('primary: no replica')
    }
    return fromPrimary('primary: replica behind')
  }

  /** Before the caller is told: its next request finds nothing made of the state before. */
  async function tellChanges(things: readonly string[]): Promise<void> {
    if (things.length > 0) await servers.onChange(things, await own.committed())
  }

  /** On the primary; another server says so, and that is as if there were none. */
  function writing<T>(work: () => Promise<T>): Promise<T> {
    if (!user.writes) throw new Error('This route does not declare that it writes')
    return onPrimary(async () => {
      try {
        return await work()
      } catch (error) {
        throw isWrongServer(error) ? new WrongServerError(error) : error
      }
    })
  }

  return {
    read: (query) => (hasReplicas ? readWhereItIsShown(query) : query(replica)),

    readPrimary(query) {
      health.countRead('primary: must be true')
      return readPrimary(query)
    },

    readIdentity,

    async write(work, { retries = 1 } = {}) {
      let transaction: Tx | undefined
      const value = await writing(() => {
        if (hasWritten) throw new Error('A request has one transaction; this is the second')
        hasWritten = true
        return retried(retries, () =>
          primary.transaction().execute(async (tx) => {
            transaction = tx
            const done = await work(tx)
            // Thrown before the commit, so that it is rolled back.
            if (user.isGone?.())
              throw new AppError('unavailable', 'Who asked for this went away before its end.')
            return done
          }),
        )
      })
      own.noteCommit()
      if (transaction) {
        for (const effect of servers.effects.get(transaction) ?? []) effect()
        await tellChanges(changedBy(transaction))
      }
      return value
    },

    async call(statement, { silent = false } = {}) {
      // One statement leaves nothing behind when it fails, so it may be tried again.
      const value = await writing(() => retried(1, () => statement(primary, servers.direct)))
      if (!silent) own.noteCommit()
      return value
    },

    position: () => own.told(),

    isReadOnly: () => mayMissOwn || (hasReplicas && health.isPrimaryAway()),
  }
}

/**
 * Whether another server may do what this one could not: also when all connections to it hang, which a busy pool and a
 * silent server look like alike. What has begun to stream cannot begin anew unnoticed.
 */
function isToBeAskedElsewhere(error: unknown): boolean {
  return isDatabaseAway(error) && !(error instanceof BrokenCopyError)
}

/** Whether a replica gave a read up, as it was in the way of what the primary sent it. */
function isInReplaysWay(error: unknown): boolean {
  return TRY_AGAIN.has(sqlState(error) ?? '') && !(error instanceof BrokenCopyError)
}

function isPrimaryToBeReplaced(error: unknown): boolean {
  return isToBeAskedElsewhere(error) && !isDatabaseOverloaded(error)
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
