import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { sql } from 'kysely'
import type {
  Kysely,
  PostgresCursor,
  PostgresPool,
  PostgresPoolClient,
  PostgresQueryResult,
  RawBuilder,
  Transaction,
} from 'kysely'
import type pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { messageOf } from '../lib/errors.ts'
import type { DB } from './schema.ts'

/** What a column is given: a text as PostgreSQL reads it, or nothing. */
export type CopyCell = string | number | null

/** Stands where a statement's parameters do, and is its input instead. */
class CopySource {
  readonly text: AsyncIterable<string>

  constructor(text: AsyncIterable<string>) {
    this.text = text
  }
}

/**
 * Runs a `copy … from stdin` with these lines as its input. They are read no faster than the server takes them, and
 * what reading them throws is thrown here.
 *
 * @param lines made by `copyLine`, one or many in each text.
 */
export async function copyIn(
  tx: Transaction<DB>,
  statement: RawBuilder<unknown>,
  lines: AsyncIterable<string>,
): Promise<void> {
  await tx.executeQuery({ ...statement.compile(tx), parameters: [new CopySource(lines)] })
}

/** Stands where a statement's parameters do, and is given its output instead. */
class CopySink {
  readonly take: (part: Buffer) => Promise<void>

  constructor(take: (part: Buffer) => Promise<void>) {
    this.take = take
  }
}

/** A `copy … to stdout` ended before its end; some of its output has been taken. */
export class BrokenCopyError extends Error {
  constructor(cause: unknown) {
    super(messageOf(cause), { cause })
    this.name = 'BrokenCopyError'
  }
}

/**
 * Runs a `copy … to stdout`. The server sends no faster than its output is taken; what taking it throws ends it, and the
 * connection it came from is closed.
 *
 * @returns how many rows there were.
 * @throws BrokenCopyError
 */
export async function copyOut(
  db: Kysely<DB>,
  statement: string,
  take: (part: Buffer) => Promise<void>,
): Promise<number> {
  const { numAffectedRows = 0n } = await db.executeQuery({
    ...sql.raw(statement).compile(db),
    parameters: [new CopySink(take)],
  })
  return Number(numAffectedRows)
}

/** A row in COPY's text format. */
export function copyLine(cells: readonly CopyCell[]): string {
  return `${cells.map(copyText).join('\t')}\n`
}

const SPECIAL = /[\\\t\n\r]/

function copyText(cell: CopyCell): string {
  if (cell === null) return '\\N'
  if (typeof cell === 'number' || !SPECIAL.test(cell)) return String(cell)
  return cell.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
}

/**
 * A pool for Kysely whose clients know `copyIn` and `copyOut`.
 *
 * @param endsConnection which failures show that a connection is of no more use.
 */
export function copyingPool(pool: pg.Pool, endsConnection: (error: unknown) => boolean): PostgresPool {
  return {
    connect: async () => new CopyingClient(await pool.connect(), endsConnection),
    end: () => pool.end(),
    options: pool.options,
  }
}

class CopyingClient implements PostgresPoolClient {
  readonly #client: pg.PoolClient
  readonly #endsConnection: (error: unknown) => boolean
  #isBroken = false

  constructor(client: pg.PoolClient, endsConnection: (error: unknown) => boolean) {
    this.#client = client
    this.#endsConnection = endsConnection
  }

  query<Row>(text: string, values: readonly unknown[]): Promise<PostgresQueryResult<Row>>
  query<Row>(cursor: PostgresCursor<Row>): PostgresCursor<Row>
  query(text: unknown, values: readonly unknown[] = []): unknown {
    const [source] = values
    if (source instanceof CopySource) return this.#copyIn(String(text), source)
    if (source instanceof CopySink) return this.#copyOut(String(text), source)
    return this.#query(text as string, values as unknown[])
  }

  release(isBroken = false): void {
    this.#client.release(isBroken || this.#isBroken)
  }

  async #query(text: string, values: unknown[]): Promise<pg.QueryResult> {
    try {
      return await this.#client.query(text, values)
    } catch (error) {
      if (this.#endsConnection(error)) this.#isBroken = true
      throw error
    }
  }

  async #copyIn(text: string, source: CopySource): Promise<Pick<PostgresQueryResult<never>, 'rows'>> {
    await pipeline(Readable.from(source.text), this.#client.query(copyFrom(text)))
    return { rows: [] }
  }

  async #copyOut(text: string, sink: CopySink): Promise<PostgresQueryResult<never>> {
    const ended = statementEnds(this.#client)
    const output = this.#client.query(copyTo(text))
    try {
      for await (const part of output) await sink.take(part as Buffer)
      await ended
    } catch (error) {
      // Whatever the server goes on sending would be taken for the output of the next statement.
      this.#isBroken = true
      await this.#client.end()
      throw new BrokenCopyError(error)
    }
    return { command: 'UPDATE', rowCount: output.rowCount, rows: [] }
  }
}

/** How many rows there were is told after the last of them, and not always in the same piece. */
function statementEnds(client: pg.PoolClient): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const end = () => {
    client.off('drain', end).off('end', end)
    resolve(undefined)
  }
  client.on('drain', end).on('end', end)
  return promise
}
