import type { ExportNoun, ExportRecord } from '../domain/exports/export-service.ts'

export interface ExportPlan {
  noun: ExportNoun
  /** The project's short name as it stands in file names. */
  shortName: string
  /** A folder for what does not fit into memory; whoever gives it removes it. */
  scratch: string
  /** All records in id order; can be read once. */
  records: AsyncIterable<ExportRecord>
}

/** A member of the export's zip. */
export interface ExportMember {
  readonly name: string
  /** Its text in pieces of any size. Members are read one after the other, each once. */
  readonly content: () => AsyncIterable<string>
}

/** One output format. Records are streamed: no format holds them in memory. */
export interface Exporter {
  readonly format: string
  /** The zip's members, in the order in which they are to be read. */
  members(plan: ExportPlan): readonly ExportMember[]
}
