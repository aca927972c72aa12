import { z } from 'zod'
import { InvalidError } from '../lib/errors.ts'
import { escapeMarkup } from '../lib/escape-markup.ts'
import type { ExportMember, ExportPlan, Exporter } from './exporter.ts'
import { createMediaFinder, taskRows } from './task-rows.ts'
import type { RunRow, TaskRow } from './task-rows.ts'

const Label = z.string().optional()
const Time = z.number().nonnegative()
const Marks = z.object({ marks: z.array(z.unknown()) })
const Mark = z.discriminatedUnion('type', [
  z.object({ type: z.literal('range'), start: Time, end: Time, label: Label }),
  z.object({ type: z.literal('moment'), at: Time, label: Label }),
])

interface Cue {
  readonly id: string
  readonly startMs: number
  readonly endMs: number
  readonly text: string
}

/** The list of a zip's members is held in memory. */
const FILES_MAX = 50_000
/** Cues have to last: times are stored to the hundredth of a second. */
const SHORTEST_MS = 10

/**
 * Marks in sounds and videos as WebVTT (w3.org/TR/webvtt1): `<short_name>_task_<id>.vtt` for each task that somebody has
 * marked or said to have nothing to mark.
 */
export const webvttExporter: Exporter = {
  wantsColumns: false,
  passes: 1,
  explained:
    'WebVTT (w3.org/TR/webvtt1): a file for each task, whose address stands in its first note. A cue is a mark: its id is the\ntask run and the number of the mark in it, its voice is who set it, its text is the label. A moment lasts 0.01 seconds.',
  members: tracksOf,
}

async function* tracksOf({ shortName, rows, about }: ExportPlan): AsyncGenerator<ExportMember> {
  const mediaOf = createMediaFinder(about)
  let count = 0
  for await (const task of taskRows(rows)) {
    const cues = cuesOf(task)
    if (!cues) continue
    count += 1
    if (count > FILES_MAX)
      throw new InvalidError(
        `There are more than ${FILES_MAX} recordings with marks, too many for a file each. Export the answers as CSV or JSON instead.`,
      )
    const track = trackText(task.id, mediaOf(task), cues)
    yield {
      name: `${shortName}_task_${task.id}.vtt`,
      async write(write) {
        await write(track)
        return undefined
      },
    }
  }
}

/** In the order that the format asks for; undefined when nobody was asked for marks. */
function cuesOf({ task_run: runs }: TaskRow): Cue[] | undefined {
  const marked = runs.flatMap((run) => {
    const marks = Marks.safeParse(run.info).data?.marks
    return marks ? [{ run, marks }] : []
  })
  if (marked.length === 0) return undefined
  return marked
    .flatMap(({ run, marks }) => marks.flatMap((mark, index) => cueOf(run, mark, index) ?? []))
    .toSorted((one, other) => one.startMs - other.startMs || one.endMs - other.endMs)
}

function cueOf(run: RunRow, mark: unknown, index: number): Cue | undefined {
  const read = Mark.safeParse(mark).data
  if (!read) return undefined
  const [start, end] = read.type === 'range' ? [read.start, read.end] : [read.at, read.at]
  const startMs = Math.round(start * 1_000)
  const endMs = Math.max(Math.round(end * 1_000), startMs + SHORTEST_MS)
  const text = `<v ${escaped(voiceOf(run))}>${escaped(read.label ?? '')}`
  return { id: `${run.id}-${index + 1}`, startMs, endMs, text }
}

function voiceOf({ user_id, external_uid, user_ip }: RunRow): string {
  if (user_id !== null) return `user ${user_id}`
  return external_uid ?? user_ip ?? 'anonymous'
}

function trackText(taskId: number, media: string | undefined, cues: readonly Cue[]): string {
  const note = `NOTE Task ${taskId}${media === undefined ? '' : `\n${oneLine(media)}`}`
  const blocks = cues.map(
    ({ id, startMs, endMs, text }) => `${id}\n${timeText(startMs)} --> ${timeText(endMs)}\n${text}`,
  )
  return `${['WEBVTT', note, ...blocks].join('\n\n')}\n`
}

/** Such as 00:01:02.340; hours have as many digits as they need. */
function timeText(ms: number): string {
  const parts = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, Math.floor(ms / 1_000) % 60]
  return `${parts.map((part) => String(part).padStart(2, '0')).join(':')}.${String(ms % 1_000).padStart(3, '0')}`
}

function escaped(text: string): string {
  return escapeMarkup(oneLine(text))
}

/** A line break would end the cue, and an arrow the note. */
function oneLine(text: string): string {
  return text
    .replaceAll(/[\s\u2028\u2029]+/g, ' ')
    .replaceAll('-->', '->')
    .trim()
}
