import { Kysely, PostgresDialect, PostgresQueryCompiler } from 'kysely'
import type { CompiledQuery, Transaction } from 'kysely'
import pg from 'pg'
import type { DB } from './schema.ts'
import { BrokenCopyError, copyingPool } from './copy.ts'
import { currentRequestId } from './request-context.ts'
import type { Logger } from './log.ts'

/** Anything that can be queried: a pool or an open transaction. */
export type Db = Kysely<DB>
/** An open transaction. */
export type Tx = Transaction<DB>

const OID = { int8: 20, timestamptz: 1184, int8Array: 1016 }

const types = new pg.TypeOverrides()
types.setTypeParser(OID.int8, safeInteger)
types.setTypeParser(OID.timestamptz, isoTime)
types.setTypeParser(OID.int8Array, (list: string) =>
  list === '{}' ? [] : list.slice(1, -1).split(',').map(safeInteger),
)

/** A 64-bit integer as a number. @throws RangeError above 2^53 - 1 instead of rounding. */
function safeInteger(value: string): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw new RangeError(`${value} is beyond the integers a number holds`)
  return number
}

/**
 * PostgreSQL's text of a timestamptz (session time zone UTC) as ISO 8601 with six decimals: a Date would lose the
 * microseconds, and keyset paging would skip rows. Zeros that PostgreSQL leaves out are added, for readers that want a
 * fixed form.
 */
function isoTime(value: string): string {
  if (value.endsWith('infinity')) return value
  const [time = '', decimals = ''] = value.replace(' ', 'T').replace(/\+00$/, '').split('.')
  return `${time}.${decimals.padEnd(6, '0')}Z`
}

/** Adds the request id to a statement, so that a slow query in the database's log leads back to its request. */
function commented(text: string): string {
  const id = currentRequestId()
  return id === undefined ? text : `${text} /* ${id} */`
}

class CommentingCompiler extends PostgresQueryCompiler {
  override compileQuery(...parameters: Parameters<PostgresQueryCompiler['compileQuery']>): CompiledQuery {
    const query = super.compileQuery(...parameters)
    return { ...query, sql: commented(query.sql) }
  }
}

class CommentingDialect extends PostgresDialect {
  override createQueryCompiler(): CommentingCompiler {
    return new CommentingCompiler()
  }
}

export interface PoolSettings {
  url: string
  max: number
  /** Connections are renewed after it, or up to a quarter later, so that a server that comes back gets its share. */
  lifetimeSeconds: number
}

/**
 * A pool that is safe behind PgBouncer in transaction mode: no named statements, no startup parameters; time limits
 * and time zone are settings of the role.
 *
 * @param onConnect what is asked of each new connection before anybody has it; one that fails at that is closed.
 */
export function createPool(
  { url, max, lifetimeSeconds }: PoolSettings,
  log: Logger,
  onConnect?: (client: pg.ClientBase) => Promise<void>,
): pg.Pool {
  // The pool waits for what it promises, which pg's types do not say.
  const asking = onConnect && { onConnect }
  const pool = new pg.Pool({
    connectionString: url,
    max,
    types,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 60_000,
    // Not all processes at the same moment.
    maxLifetimeSeconds: lifetimeSeconds * (1 + Math.random() / 4),
    keepAlive: true,
    query_timeout: 60_000,
    ...asking,
  })
  pool.on('error', (error) => {
    log.warn({ err: error }, 'idle database connection lost')
  })
  // The pool listens to idle connections only. One that breaks in use tells its query, or else nobody; but an error
  // event that nobody hears ends the process.
  pool.on('connect', (client) => {
    client.on('error', (error) => {
      log.warn({ err: error }, 'database connection lost')
    })
  })
  return pool
}

/** Kysely over a pool. */
export function createKysely(pool: pg.Pool): Db {
  return new Kysely<DB>({ dialect: new CommentingDialect({ pool: copyingPool(pool, isWrongServer) }) })
}

/** Runs a statement whose text is already there; the one row that it gives. */
export type DirectCall = <Row extends object>(text: string, values: unknown[]) => Promise<Row>

/**
 * Calls over a pool without Kysely, for the few that each task run needs: to compose a statement takes this process
 * longer than to send it.
 */
export function createDirectCall(pool: pg.Pool): DirectCall {
  return async <Row extends object>(text: string, values: unknown[]) => {
    const { rows } = await pool.query<Row>(commented(text), values)
    const [row] = rows
    if (!row) throw new Error('A call gave no row')
    return row
  }
}

/** PostgreSQL's error code of something thrown by a query, such as 23505 (unique violation). */
export function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined
}

/** What PostgreSQL and the pooler say when they go, are not up yet, or take no more connections. */
const AWAY_STATES = new Set(['57P01', '57P02', '57P03', '53300'])
const AWAY_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH'])

/** A write led to a server that is no primary: it was one until lately. */
export class WrongServerError extends Error {
  constructor(cause: unknown) {
    super('The server that was to be written to is no primary', { cause })
    this.name = 'WrongServerError'
  }
}

/** A read-only transaction, and what only a primary can be asked: such a connection leads to a replica. */
const REPLICA_STATES = new Set(['25006', '55000'])

/** Whether a server that was to be written to says that it is a replica. */
export function isWrongServer(error: unknown): boolean {
  return REPLICA_STATES.has(sqlState(error) ?? '')
}

/** Whether something was thrown because no database server could be reached, or it went away in the middle. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof WrongServerError) return true
  if (error instanceof BrokenCopyError) return isDatabaseAway(error.cause)
  const state = sqlState(error)
  if (state !== undefined) return AWAY_STATES.has(state) || state.startsWith('08')
  const { code, syscall } = error as NodeJS.ErrnoException
  if (code !== undefined && (AWAY_CODES.has(code) || syscall === 'connect')) return true
  // The last is what the end of a transaction is told whose connection is gone: it takes the place of the first error.
  return /^Connection terminated|^timeout exceeded when trying to connect|not queryable$/.test(error.message)
}

/** Who is told to wait by the server, the pooler or its own pool: the server is there, and has too much to do. */
export function isDatabaseOverloaded(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (sqlState(error) === '53300') return true
  return /^timeout exceeded when trying to connect|^query_wait_timeout|no more connections allowed/.test(
    error.message,
  )
}

/** Whether something was thrown because a server that was asked said nothing for as long as is waited for one. */
export function isDatabaseSilent(error: unknown): boolean {
  return error instanceof Error && error.message === 'Query read timeout'
}

/** Lock and statement time limits, deadlocks, conflicts: the same may work in a moment. */
const BUSY_STATES = new Set(['55P03', '57014', '40P01', '40001'])

/** Whether something was thrown because others were at the same rows for too long. */
export function isDatabaseBusy(error: unknown): boolean {
  return BUSY_STATES.has(sqlState(error) ?? '')
}

/** The unique constraint that a thrown query error says was violated. */
export function violatedUnique(error: unknown): string | undefined {
  return violated(error, '23505')
}

/** The foreign key that a thrown query error says leads nowhere. */
export function violatedForeignKey(error: unknown): string | undefined {
  return violated(error, '23503')
}

function violated(error: unknown, code: string): string | undefined {
  return error instanceof pg.DatabaseError && error.code === code ? error.constraint : undefined
}
