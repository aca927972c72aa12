import type pg from 'pg'
import { changedBy } from './changes.ts'
import { AppError } from '../lib/errors.ts'
import type { Config } from './config.ts'
import { BrokenCopyError } from './copy.ts'
import { createHealth } from './database-health.ts'
import type { DatabaseHealth } from './database-health.ts'
import type { Logger } from './log.ts'
import { catchesUp, createPositionReader, latestPosition } from './position.ts'
import { isWithin } from './position-store.ts'
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
import { createReadiness } from './readiness.ts'
import type { Readiness } from './readiness.ts'

/** Who reads and writes, as far as the choice of a server is concerned. */
export interface DatabaseUser {
  /** A position the caller brought along (cookie, header, job payload). */
  position?: string | undefined
  /** Callers without a cookie of their own: positions are remembered under this name. */
  identity?: string | undefined
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
   * The position of the last commit, after which a replica shows it; undefined when nothing was written. By then it is
   * remembered, where it is kept for the caller.
   */
  position(): Promise<string | undefined>
  /** Whether replicas answer in place of a primary that is away: nothing can be written. */
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
  const readPool = createPool({ url: config.readUrl, max, lifetimeSeconds }, log)
  const health = createHealth()
  const effects = new WeakMap<Tx, (() => void)[]>()
  const primary = createKysely(writePool)
  const servers: Servers = {
    primary,
    direct: createDirectCall(writePool),
    replica: createKysely(readPool),
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
  trustedLagSeconds: number
  positions: PositionMemory
  readPosition: () => Promise<string>
  effects: WeakMap<Tx, (() => void)[]>
  health: DatabaseHealth
  onChange: ChangeListener
}

function openFor(user: DatabaseUser, servers: Servers): RequestDb {
  const { primary, replica, hasReplicas, health } = servers
  const own = createOwnPosition(user, servers)
  let hasWritten = false

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

  async function readPrimaryElseReplica<T>(query: (db: Db) => Promise<T>): Promise<T> {
    try {
      return await readPrimary(query)
    } catch (error) {
      if (!isToBeAskedElsewhere(error)) throw error
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
  async function readReplica<T>(
    query: (db: Db) => Promise<T>,
    position: string | undefined,
  ): Promise<{ rows: T } | undefined> {
    if (position === undefined) {
      health.countRead('replica')
      return { rows: await query(replica) }
    }
    // One connection for check and query: behind a balancer the next one may be another server.
    return replica.connection().execute(async (db) => {
      const state = await catchesUp(db, position)
      if (state === 'behind') return undefined
      const rows = await query(db)
      health.countRead(state === 'primary' ? 'primary: no replica' : 'replica')
      return { rows }
    })
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
      if (!isToBeAskedElsewhere(error)) throw error
      return fromPrimary('primary: no replica')
    }
    return fromPrimary('primary: replica behind')
  }

  /** Before the caller is told: its next request finds nothing made of the state before. */
  async function tellChanges(things: readonly string[]): Promise<void> {
    // Without its position the primary was lost after the commit: then there is nobody to read from either.
    if (things.length > 0) await servers.onChange(things, await own.committed()?.catch(() => undefined))
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
      const value = await writing(() => retried(2, () => statement(primary, servers.direct)))
      if (!silent) own.noteCommit()
      return value
    },

    position: () => own.told(),

    isReadOnly: () => hasReplicas && health.isPrimaryAway(),
  }
}

/** What one caller's reads must see. */
interface OwnPosition {
  /** Of this request's own commit; else the latest that was brought along or is remembered. */
  wanted(): Promise<string | undefined>
  noteCommit(): void
  /** Of this request's own commit. */
  committed(): Promise<string> | undefined
  /** The same, once it is remembered too. */
  told(): Promise<string | undefined>
}

function createOwnPosition({ position, identity }: DatabaseUser, servers: Servers): OwnPosition {
  const { positions, hasReplicas, readPosition } = servers
  let known: Promise<string | undefined> | undefined
  let committed: Promise<string> | undefined
  let remembered: Promise<unknown> | undefined

  async function find(): Promise<string | undefined> {
    const kept = identity === undefined ? undefined : await positions.positionFor(identity)
    if (kept === 'unknown' || position === 'unknown') return 'unknown'
    return latestPosition([position, kept].filter((one) => one !== undefined))
  }

  return {
    wanted() {
      known ??= find()
      return committed ?? known
    },
    noteCommit() {
      if (!hasReplicas) return
      committed = readPosition()
      known = undefined
      remembered = committed.then(async (value) => {
        if (identity !== undefined) await positions.remember(identity, value)
      })
      // Whoever awaits these sees a failure; a request that does not must not end the process.
      for (const promise of [committed, remembered]) promise.catch(() => undefined)
    },
    committed: () => committed,
    async told() {
      await remembered
      return committed
    },
  }
}

/** Whether another server may do what this one could not. What has begun to stream cannot begin anew unnoticed. */
function isToBeAskedElsewhere(error: unknown): boolean {
  return isDatabaseAway(error) && !(error instanceof BrokenCopyError)
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
