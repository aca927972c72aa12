import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type {
  PostgresCursor,
  PostgresPool,
  PostgresPoolClient,
  PostgresQueryResult,
  RawBuilder,
  Transaction,
} from 'kysely'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
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

/** A pool for Kysely whose clients know `copyIn`. */
export function copyingPool(pool: pg.Pool): PostgresPool {
  return {
    connect: async () => new CopyingClient(await pool.connect()),
    end: () => pool.end(),
    options: pool.options,
  }
}

class CopyingClient implements PostgresPoolClient {
  readonly #client: pg.PoolClient

  constructor(client: pg.PoolClient) {
    this.#client = client
  }

  query<Row>(text: string, values: readonly unknown[]): Promise<PostgresQueryResult<Row>>
  query<Row>(cursor: PostgresCursor<Row>): PostgresCursor<Row>
  query(text: unknown, values: readonly unknown[] = []): unknown {
    const [source] = values
    if (source instanceof CopySource) return this.#copy(String(text), source)
    return this.#client.query(text as string, values as unknown[])
  }

  release(isBroken?: boolean): void {
    this.#client.release(isBroken)
  }

  async #copy(text: string, source: CopySource): Promise<Pick<PostgresQueryResult<never>, 'rows'>> {
    await pipeline(Readable.from(source.text), this.#client.query(copyFrom(text)))
    return { rows: [] }
  }
}
