import type { Readable } from 'node:stream'

/** What is exported: its name in file names, as PyBossa has it. */
export type ExportedNoun = 'task' | 'task_run' | 'result'

/** One row under PyBossa's attribute names. */
export type ExportRow = Readonly<Record<string, unknown>>

export interface ExportJob {
  noun: ExportedNoun
  shortName: string
  /** A folder for what does not fit into memory; whoever gives it removes it. */
  folder: string
  rows: AsyncIterable<ExportRow>
}

/** A member of the export's zip. */
export interface ExportMember {
  name: string
  content: Readable
}

/** One output format. Rows are streamed: none of the formats holds them in memory. */
export interface Exporter {
  readonly format: string
  /** The zip's members, to be read one after the other. */
  write(job: ExportJob): AsyncIterable<ExportMember>
}
