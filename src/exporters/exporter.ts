import type { ExportRows } from '../domain/exports/export-rows.ts'
import type { ExportDescription, FormatNeeds } from '../domain/exports/export-work.ts'

/** Takes a part of a member's content; resolves when there is room for more. */
export type WritePart = (part: Buffer | string) => Promise<void>

/** A member of the export's zip. Members are written one after the other, each once. */
export interface ExportMember {
  readonly name: string
  /** Resolves with the names of its columns if it is a table. */
  readonly write: (write: WritePart) => Promise<readonly string[] | undefined>
}

/** Members in the order in which they are written; the next one is asked for when the one before is written. */
export type ExportMembers = Iterable<ExportMember> | AsyncIterable<ExportMember>

export interface ExportPlan {
  /** The project's short name as it stands in file names. */
  readonly shortName: string
  readonly rows: ExportRows
  readonly about: ExportDescription
}

/** One output format. Rows are streamed: no format holds them in memory. */
export interface Exporter extends FormatNeeds {
  /** What README.txt says of a format that is no table of rows; names of columns are explained by themselves. */
  readonly explained?: string
  members(plan: ExportPlan): ExportMembers
}
