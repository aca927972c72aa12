import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import type { ExportRows } from '../domain/exports/export-rows.ts'
import type { ExportDescription } from '../domain/exports/export-work.ts'
import type { Json } from '../platform/schema.ts'
import { findTemplate } from '../lib/templates/index.ts'
import type { WritePart } from './exporter.ts'

/** A task run, as the wide form has it. */
export interface RunRow {
  readonly id: number
  readonly user_id: number | null
  readonly user_ip: string | null
  readonly external_uid: string | null
  readonly finish_time: string
  readonly presenter_version: number | null
  readonly info: Json
}

/** A task with all its task runs. */
export interface TaskRow {
  readonly id: number
  readonly info: Json
  readonly task_run: readonly RunRow[]
}

/** Bytes of rows that wait to be looked at. */
const WAITING_BYTES = 1 << 18

/** The rows of an export in the wide form, one at a time; may be asked for again. Whoever stops early ends the reading. */
export async function* taskRows(rows: Pick<ExportRows, 'writeJson'>): AsyncGenerator<TaskRow> {
  const parts = new PassThrough({ highWaterMark: WAITING_BYTES })
  const ended = new AbortController()
  const written = rows
    .writeJson(async (part) => {
      ended.signal.throwIfAborted()
      if (!parts.write(part)) await once(parts, 'drain', { signal: ended.signal })
    }, 'lines')
    .then(
      () => parts.end(),
      (error: unknown) => parts.destroy(error instanceof Error ? error : new Error(String(error))),
    )
  try {
    for await (const line of linesOf(parts)) yield JSON.parse(line) as TaskRow
  } finally {
    ended.abort()
    await written
  }
}

/** Each line ends with a line break, the last one too. */
async function* linesOf(parts: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  // Of the line that has not ended: a long one comes in many parts, which are put together once.
  let begun: string[] = []
  for await (const part of parts) {
    const lines = decoder.decode(part, { stream: true }).split('\n')
    const rest = lines.pop() ?? ''
    for (const line of lines) {
      yield [...begun, line].join('')
      begun = []
    }
    begun.push(rest)
  }
}

/** Who said it and when, by the names that the tables have. */
export function originOf({ id, user_id, user_ip, external_uid, finish_time }: RunRow) {
  return { task_run_id: id, user_id, user_ip, external_uid, finish_time }
}

/** Finds the column that holds what a task shows: a setting of the template, which may differ by version. */
export function createColumnFinder({ versions }: Pick<ExportDescription, 'versions'>) {
  const columns = new Map(versions.map((version) => [version.id, columnOf(version)]))
  const newest = [...columns.values()].find((column) => column !== undefined)
  return ({ task_run: [run] }: TaskRow) => columns.get(run?.presenter_version ?? 0) ?? newest
}

/** Finds the address of what a task shows. */
export function createMediaFinder({ versions, project }: ExportDescription) {
  const columnFor = createColumnFinder({ versions })

  return function mediaOf(task: TaskRow): string | undefined {
    const column = columnFor(task)
    const address = column === undefined ? undefined : memberOf(task.info, column)
    if (typeof address !== 'string' || !URL.canParse(address, project.url)) return undefined
    return new URL(address, project.url).href
  }
}

function columnOf({ template, settings }: ExportDescription['versions'][number]): string | undefined {
  const field = findTemplate(template ?? '')?.fields.find(({ kind }) => kind === 'column')
  const column = field && memberOf(settings, field.name)
  return typeof column === 'string' ? column : undefined
}

export function memberOf(value: Json | null, name: string): Json | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined
  return Object.hasOwn(value, name) ? value[name] : undefined
}

/** Of a list, before it is handed on. */
const BATCH_CHARS = 1 << 16

/** Writes a JSON list of things as they come. */
export async function writeJsonList(write: WritePart, items: AsyncIterable<unknown>): Promise<void> {
  let text = '['
  let isFirst = true
  for await (const item of items) {
    text += `${isFirst ? '\n' : ',\n'}${JSON.stringify(item)}`
    isFirst = false
    if (text.length < BATCH_CHARS) continue
    await write(text)
    text = ''
  }
  await write(`${text}\n]`)
}
