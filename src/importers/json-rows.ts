import { InvalidError } from '../lib/errors.ts'
import type { JsonListPiece } from '../lib/json-list-reader.ts'
import { parseStrictJson } from '../lib/strict-json.ts'
import { COLUMNS_MAX, type ImportColumn, type ImportFinding, type ImportProblem } from './importer.ts'
import {
  EMPTY_JSON,
  ONE_OBJECT,
  problemOfRow,
  problemOfText,
  tooManyKeys,
  type JsonRowPlace,
} from './json-problems.ts'
import { isTaskField, readTaskField, wantedOf, type TaskField, type TaskSettings } from './task-fields.ts'

/**
 * What PyBossa, old versions included (app_id), writes of a task or a task run beside its info: left out, for the new
 * task has its own.
 */
const PYBOSSA_FIELDS = new Set([
  'app_id',
  'created',
  'external_uid',
  'fav_user_ids',
  'finish_time',
  'id',
  'link',
  'links',
  'media_url',
  'project_id',
  'state',
  'task_id',
  'timeout',
  'user_id',
  'user_ip',
])

type Element = Extract<JsonListPiece, { kind: 'element' }>
type JsonObject = Record<string, unknown>

interface Row {
  info: JsonObject
  settings: TaskSettings
  /** What stands beside a wrapped info. */
  beside: readonly [string, unknown][]
}

/** Why a value cannot be a task; the fault continues the sentence "Row 3 …". */
interface BadRow {
  fault: string
  advice: string
  column?: string
}

/** Makes tasks of the elements of a JSON list. */
export class JsonRows {
  /** The first of several lines: alone it would be an object and not a list. */
  #held: Element | undefined
  #isAbandoned = false
  #hasRows = false
  readonly #dataColumns = new Map<string, number>()
  readonly #besideColumns = new Map<string, number>()

  /** Reading on would find only consequences of what was already found. */
  get isAbandoned(): boolean {
    return this.#isAbandoned
  }

  *find(pieces: Iterable<JsonListPiece>): Generator<ImportFinding, void, undefined> {
    for (const piece of pieces) {
      yield* this.#findIn(piece)
      if (this.#isAbandoned) return
    }
  }

  *#findIn(piece: JsonListPiece): Generator<ImportFinding, void, undefined> {
    if (this.#held !== undefined) {
      const held = this.#held
      this.#held = undefined
      if (!isJson(held.text)) return yield* this.#abandon(ONE_OBJECT)
      yield* this.#findRow(held)
    }
    if (piece.kind !== 'element') yield* this.#abandon(problemOfText(piece))
    else if (piece.isByLine && piece.position === 1) this.#held = piece
    else yield* this.#findRow(piece)
  }

  *end(): Generator<ImportFinding, void, undefined> {
    if (this.#held !== undefined) yield { kind: 'problem', problem: ONE_OBJECT }
    else if (!this.#hasRows) yield { kind: 'problem', problem: EMPTY_JSON }
  }

  *#abandon(problem: ImportProblem): Generator<ImportFinding, void, undefined> {
    this.#isAbandoned = true
    yield { kind: 'problem', problem }
    yield { kind: 'abandoned' }
  }

  *#findRow({ text, position, line }: Element): Generator<ImportFinding, void, undefined> {
    this.#hasRows = true
    const place: JsonRowPlace = { position, line }
    const row = readRow(text)
    if ('fault' in row) {
      return yield { kind: 'problem', problem: problemOfRow(place, row.fault, row.advice, row.column) }
    }
    yield* this.#findColumns(row)
    if (this.#columnCount > COLUMNS_MAX) return yield* this.#abandon(tooManyKeys(place))
    yield {
      kind: 'task',
      row: position,
      task: { info: row.info, ...row.settings },
      cells: () => this.#cellsOf(row),
    }
  }

  *#findColumns({ info, beside }: Row): Generator<ImportFinding, void, undefined> {
    for (const name of Object.keys(info)) {
      if (this.#dataColumns.has(name)) continue
      this.#dataColumns.set(name, this.#columnCount)
      yield { kind: 'column', column: { name, becomes: 'data', key: name } }
    }
    for (const [name] of beside) {
      if (this.#besideColumns.has(name)) continue
      this.#besideColumns.set(name, this.#columnCount)
      const becomes: ImportColumn['becomes'] = isTaskField(name) ? name : 'ignore'
      yield { kind: 'column', column: { name, becomes } }
    }
  }

  get #columnCount(): number {
    return this.#dataColumns.size + this.#besideColumns.size
  }

  #cellsOf({ info, beside }: Row): string[] {
    const cells = Array.from({ length: this.#columnCount }, () => '')
    for (const [name, value] of Object.entries(info))
      cells[this.#dataColumns.get(name) ?? 0] = cellText(value)
    for (const [name, value] of beside) cells[this.#besideColumns.get(name) ?? 0] = cellText(value)
    return cells
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function cellText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function readRow(text: string): Row | BadRow {
  let value: unknown
  try {
    value = parseStrictJson(text)
  } catch (error) {
    if (!(error instanceof InvalidError)) throw error
    return { fault: error.message, advice: 'Correct the row; a long number can be kept as a text in quotes.' }
  }
  if (!isObject(value)) return notAnObject(value)
  return Object.hasOwn(value, 'info') ? unwrap(value) : withData({ info: value, settings: {}, beside: [] })
}

function unwrap(row: JsonObject): Row | BadRow {
  const { info, ...others } = row
  if (!isObject(info)) {
    const advice = 'Make it an object, for example {"info": {"question": "…"}}.'
    return { fault: `has an info that is ${nounOf(info)} and not an object`, advice, column: 'info' }
  }
  const beside = Object.entries(others)
  const settings: TaskSettings = {}
  for (const [name, value] of beside) {
    const bad = isTaskField(name) ? applyField(name, value, settings) : refuseUnknown(name)
    if (bad !== undefined) return bad
  }
  return withData({ info, settings, beside })
}

function applyField(field: TaskField, value: unknown, settings: TaskSettings): BadRow | undefined {
  const text = field === 'expected_info' ? JSON.stringify(value) : scalarText(value)
  const read = text === undefined ? undefined : readTaskField(field, text)
  if (read !== undefined) {
    Object.assign(settings, read)
    return undefined
  }
  return {
    fault: `has ${field} ${JSON.stringify(value).slice(0, 60)}; it must be ${wantedOf(field)}`,
    advice: 'Correct the value, or leave it out for the project’s setting.',
    column: field,
  }
}

/** What the value would be in a CSV cell; undefined for what fits in none. */
function scalarText(value: unknown): string | undefined {
  if (value === null) return ''
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

function refuseUnknown(name: string): BadRow | undefined {
  if (PYBOSSA_FIELDS.has(name)) return undefined
  const fault = `has "${name.slice(0, 60)}" beside info, where it would be lost`
  return { fault, advice: 'Move it into info.', column: name }
}

function withData(row: Row): Row | BadRow {
  if (Object.keys(row.info).length > 0) return row
  return { fault: 'holds no data', advice: 'Give it something to show to contributors, or delete it.' }
}

function notAnObject(value: unknown): BadRow {
  return {
    fault: `is ${nounOf(value)} and not an object`,
    advice: 'Each row must be an object of names and values, for example {"question": "…", "picture": "…"}.',
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function nounOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'boolean' ? 'true or false' : `a ${typeof value}`
}
