import type { RawBuilder } from 'kysely'

export type ColumnType = 'integer' | 'number' | 'text' | 'boolean' | 'time' | 'json' | 'integers'

export interface ListedField {
  readonly sql: string
  readonly type: ColumnType
  /** Few rows have a certain value of it, and an index finds them. */
  readonly isIndexed?: true
  /**
   * It belongs to rows of the source's `shared` table: the column that holds their ids, and how a value's ids are found by
   * index.
   */
  readonly lookup?: { readonly column: string; readonly idsOf: string }
  /**
   * Of a time: it rises with the id, but for clocks that differ by less than an hour, and an index has the rows of a
   * project in its order. What a column of which table it is.
   */
  readonly rises?: { readonly table: string; readonly column: string }
  /** SQL that a row with a value fulfils, where an index serves that better; what is not named here no row has. */
  readonly conditions?: Readonly<Record<string, string>>
  /** Of JSON: SQL of its words, as an index holds them. */
  readonly words?: string
}

/** What can be listed: where from, and the fields with their SQL. Written by repositories, never from input. */
export interface ListSource {
  /** The FROM clause with its joins. */
  readonly from: string
  /** The key that pages are made by. */
  readonly id: string
  readonly fields: Readonly<Record<string, ListedField>>
  /**
   * A table of which many rows of a page name the same row: it is left-joined in `from`, and `column` holds its ids. A
   * page looks each of them up once.
   */
  readonly shared?: { readonly table: string; readonly alias: string; readonly column: string }
  /** SQL of the project's id, where rows belong to projects. */
  readonly projectId?: string
  /** An index has the rows of a project in the order of their ids: a list looks into project after project. */
  readonly isByProject?: true
  /** Only owners of the project, and admins, may see its rows. */
  readonly isForOwners?: true
  /** SQL of whether a row is shown to others than owners (of its project, or admins where there is none). */
  readonly published?: string
  /** A condition that always holds. */
  readonly where?: string
}

export interface ListFilter {
  readonly field: string
  /** Compared for equality, cast by the database; several are alternatives. A time matches by its beginning. */
  readonly values: readonly string[]
}

/** A key of a JSON object, and what its value is compared with. */
export interface InfoPair {
  readonly key: string
  readonly value: string
}

export interface ListQuery {
  readonly filters: readonly ListFilter[]
  /** Keys of a JSON field, all to match: as texts, or as full text with the best match first. */
  readonly pairs?:
    | {
        readonly field: string
        readonly all: readonly [InfoPair, ...InfoPair[]]
        readonly isFullText: boolean
      }
    | undefined
  /** Times within bounds, both included. */
  readonly ranges?: readonly {
    readonly field: string
    readonly from?: string | undefined
    readonly to?: string | undefined
  }[]
  readonly orderBy: string
  readonly desc: boolean
  readonly limit: number
  readonly offset: number
  /** Only rows with a greater id; the offset is then not applied and the order ascends. */
  readonly lastId?: number | undefined
  /** Only rows of these projects. */
  readonly projectIds?: readonly string[] | undefined
  /** Only rows of projects whose creator this is. */
  readonly ownerId?: number | undefined
  /** Rows of drafts are shown to their owners only; 'everything' for admins. */
  readonly readableBy: number | 'everything' | undefined
  /** Only rows of projects that the caller may change. */
  readonly isForOwners?: boolean
  /** A repository's own condition. */
  readonly where?: RawBuilder<unknown> | undefined
}

/** The fields that a list is chosen or ordered by: whoever may not see one must not learn of it so. */
export function fieldsAsked({ orderBy, filters, pairs }: ListQuery): string[] {
  return [orderBy, ...filters.map(({ field }) => field), ...(pairs ? [pairs.field] : [])]
}

/** So many related objects one answer may hold, and so many bytes of their contents, as they are stored (compressed). */
export const RELATED_MAX = 10_000
export const RELATED_BYTES_MAX = 32 * 1024 * 1024

/** Everything of which a field is one of these, for callers who may see it; one more than an answer may hold. */
export function byIds(field: string, ids: readonly number[]): ListQuery {
  const filters = [{ field, values: ids.map(String) }]
  return { filters, orderBy: 'id', desc: false, limit: RELATED_MAX + 1, offset: 0, readableBy: 'everything' }
}

/** One object by its id, as somebody may see it. */
export function byId(id: number, readableBy: ListQuery['readableBy']): ListQuery {
  const filters = [{ field: 'id', values: [String(id)] }]
  return { filters, orderBy: 'id', desc: false, limit: 1, offset: 0, readableBy }
}
