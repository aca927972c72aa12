import type { z } from 'zod'
import type { SentPicture } from '../domain/pictures/task-pictures.ts'
import { AppError, InvalidError } from '../lib/errors.ts'
import type { Config } from '../platform/config.ts'
import type { TaskField, TaskSettings } from './task-fields.ts'

/** A task as a source describes it. */
export interface NewTask extends TaskSettings {
  info: Record<string, unknown>
  /** What the source brought for it, which `info` is to name the address of. */
  picture?: SentPicture
}

export interface ImportSource {
  /** From its beginning: an import is read twice, to be inspected and to be stored. */
  open(): AsyncIterable<Uint8Array>
  /** Says where there is room for what has to lie on this machine meanwhile. */
  readonly config: Pick<Config, 'folders'>
}

export interface ImportColumn {
  /** As the source calls it. */
  name: string
  becomes: 'data' | TaskField | 'ignore'
  /** The key in the task's info, when it becomes data. */
  key?: string
}

/** Why a source cannot be imported as it is; the message is complete without the other fields. */
export interface ImportProblem {
  /** CSV: the line in the file where the row begins. JSON, zip: the position in the list. Both from 1. */
  row?: number
  column?: string
  message: string
  advice: string
}

export interface ImportPreviewRow {
  /** Counted as in ImportProblem. */
  row: number
  /** One text for each column, cut after 500 characters; empty where the row has nothing. */
  cells: string[]
}

export interface ImportInspection {
  columns: ImportColumn[]
  /** The first ten. */
  rows: ImportPreviewRow[]
  /** Tasks that would be created; a lower bound when `isIncomplete`. */
  total: number
  /** At most 50. Nothing may be imported while there is one. */
  problems: ImportProblem[]
  /** The inspection ended early because there were 50 problems or reading on made no sense. */
  isIncomplete: boolean
}

export interface Importer {
  /** Stable: stored with an import. */
  readonly name: string
  /** For people. */
  readonly label: string
  /** Whether its tasks bring pictures, which the site keeps. */
  readonly bringsPictures: boolean
  readonly options: z.ZodType
  /**
   * Whether this importer is for such a file.
   *
   * @param fileName undefined for text that was pasted
   * @param head the first bytes, 1 KB or more where the source has them
   */
  accepts(fileName: string | undefined, head: Uint8Array): boolean
  /**
   * The columns that stand before the first row: all of a CSV text's. Reads no further.
   *
   * @throws InvalidError when the options do not fit the schema.
   */
  columns(source: ImportSource, options: unknown): Promise<ImportColumn[]>
  /**
   * Reads the whole source without keeping it.
   *
   * @param rowsMax ends earlier: the inspection is incomplete when there are more.
   * @throws InvalidError when the options do not fit the schema.
   */
  inspect(source: ImportSource, options: unknown, rowsMax?: number): Promise<ImportInspection>
  /**
   * Everything that is wrong with the source, in its order.
   *
   * @throws InvalidError when the options do not fit the schema.
   */
  problems(source: ImportSource, options: unknown): AsyncGenerator<ImportProblem, void, undefined>
  /**
   * The tasks in the source's order.
   *
   * @throws ImportError at the first problem, after the tasks before it were yielded: read within a transaction.
   * @throws InvalidError when the options do not fit the schema.
   */
  read(source: ImportSource, options: unknown): AsyncGenerator<NewTask, void, undefined>
}

/** A source with problems; nothing of it may be stored. */
export class ImportError extends AppError {
  readonly problems: readonly ImportProblem[]

  constructor(problems: readonly [ImportProblem, ...ImportProblem[]]) {
    super('invalid', `${problems[0].message} ${problems[0].advice}`)
    this.name = 'ImportError'
    this.problems = problems
  }
}

/** What a source turns out to hold, in its order. */
export type ImportFinding =
  /** Before the first row that has it. */
  | { kind: 'column'; column: ImportColumn }
  /** `cells` gives the row's texts in the order in which the columns were found. */
  | { kind: 'task'; row: number; task: NewTask; cells: () => string[] }
  | { kind: 'problem'; problem: ImportProblem }
  /** Last of all, when the rest of the source was not read. */
  | { kind: 'abandoned' }

interface ImporterParts<Options extends z.ZodType> {
  name: string
  label: string
  bringsPictures?: boolean
  options: Options
  accepts: Importer['accepts']
  /** The findings of one piece of text after the other; each is followed to its end before the next is asked for. */
  find: (source: ImportSource, options: z.infer<Options>) => AsyncIterable<Iterable<ImportFinding>>
}

/** Characters of one row in the source. */
export const ROW_LENGTH_MAX = 1_000_000
export const COLUMNS_MAX = 1000

const PROBLEMS_MAX = 50
const PREVIEW_ROWS_MAX = 10
const PREVIEW_CELL_LENGTH_MAX = 500

/** An importer needs only to say what it finds in a source; inspecting and reading are the same for all. */
export function defineImporter<Options extends z.ZodType>(parts: ImporterParts<Options>): Importer {
  const { name, label, bringsPictures = false, options, accepts, find } = parts
  return {
    name,
    label,
    bringsPictures,
    options,
    accepts,
    columns: async (source, chosen) => readColumns(find(source, parseOptions(options, chosen))),
    inspect: async (source, chosen, rowsMax) =>
      inspectFindings(find(source, parseOptions(options, chosen)), rowsMax),
    problems: (source, chosen) => findProblems(find(source, parseOptions(options, chosen))),
    read: (source, chosen) => readTasks(find(source, parseOptions(options, chosen))),
  }
}

function parseOptions<Options extends z.ZodType>(schema: Options, chosen: unknown): z.infer<Options> {
  const parsed = schema.safeParse(chosen)
  if (parsed.success) return parsed.data
  const fields = parsed.error.issues.map((issue) => [issue.path.join('.'), issue.message] as const)
  throw new InvalidError('These import settings cannot be used.', Object.fromEntries(fields))
}

async function inspectFindings(
  pieces: AsyncIterable<Iterable<ImportFinding>>,
  rowsMax = Infinity,
): Promise<ImportInspection> {
  const inspection: ImportInspection = { columns: [], rows: [], total: 0, problems: [], isIncomplete: false }
  for await (const findings of pieces) {
    noteAll(findings, inspection, rowsMax)
    if (inspection.isIncomplete) break
  }
  for (const { cells } of inspection.rows) {
    while (cells.length < inspection.columns.length) cells.push('')
  }
  return inspection
}

function noteAll(findings: Iterable<ImportFinding>, inspection: ImportInspection, rowsMax: number): void {
  for (const finding of findings) {
    if (inspection.total === rowsMax) inspection.isIncomplete = true
    else note(finding, inspection)
    if (inspection.problems.length === PROBLEMS_MAX) inspection.isIncomplete = true
    if (inspection.isIncomplete) return
  }
}

function note(finding: ImportFinding, inspection: ImportInspection): void {
  if (finding.kind === 'column') inspection.columns.push(finding.column)
  if (finding.kind === 'problem') inspection.problems.push(finding.problem)
  if (finding.kind === 'abandoned') inspection.isIncomplete = true
  if (finding.kind !== 'task') return
  inspection.total++
  if (inspection.rows.length >= PREVIEW_ROWS_MAX) return
  inspection.rows.push({ row: finding.row, cells: finding.cells().map(cutForPreview) })
}

function cutForPreview(text: string): string {
  if (text.length <= PREVIEW_CELL_LENGTH_MAX) return text
  // A cut through a surrogate pair leaves half of it.
  return `${text.slice(0, PREVIEW_CELL_LENGTH_MAX).replace(/[\ud800-\udbff]$/, '')}…`
}

async function* readTasks(
  pieces: AsyncIterable<Iterable<ImportFinding>>,
): AsyncGenerator<NewTask, void, undefined> {
  for await (const findings of pieces) {
    for (const finding of findings) {
      if (finding.kind === 'problem') throw new ImportError([finding.problem])
      if (finding.kind === 'task') yield finding.task
    }
  }
}

async function* findProblems(
  pieces: AsyncIterable<Iterable<ImportFinding>>,
): AsyncGenerator<ImportProblem, void, undefined> {
  for await (const findings of pieces) {
    for (const finding of findings) if (finding.kind === 'problem') yield finding.problem
  }
}

async function readColumns(pieces: AsyncIterable<Iterable<ImportFinding>>): Promise<ImportColumn[]> {
  const columns: ImportColumn[] = []
  for await (const findings of pieces) {
    for (const finding of findings) {
      if (finding.kind !== 'column') return columns
      columns.push(finding.column)
    }
  }
  return columns
}
