import { z } from 'zod'
import type { ExportDescription } from '../domain/exports/export-work.ts'
import type { Json } from '../platform/schema.ts'
import { regionsOf } from './regions.ts'
import type { Region } from './regions.ts'
import { createColumnFinder, createMediaFinder, memberOf } from './task-rows.ts'
import type { RunRow, TaskRow } from './task-rows.ts'

const Transcribed = z.object({ text: z.string() })

/** What the template for texts stores of a passage; positions count UTF-16 units. */
const Passage = z.object({
  start: z.int().nonnegative(),
  end: z.int().positive(),
  text: z.string().min(1),
  label: z.string(),
})
const Passages = z.object({ spans: z.array(z.unknown()) })

const WrittenPage = z.object({ page: z.int().positive(), text: z.string().min(1) })
/** What the template for PDF documents stores. */
const Document = z.object({
  pageCount: z.int(),
  answer: z.union([z.string(), z.array(z.string())]).optional(),
  pages: z.array(z.unknown()).optional(),
})

interface Statement {
  readonly motivation: string
  readonly body?: object
  readonly target: Target
}

type Target = string | object

/** What one person said about a task: about it as a whole, and about parts of it. */
interface Statements {
  readonly whole: readonly Statement[]
  readonly parts: readonly Statement[]
}

/** Reads annotations out of what the templates' tools store; what is of no such shape gives none. */
export function createStatementReader(about: ExportDescription) {
  const mediaOf = createMediaFinder(about)
  const columnOf = createColumnFinder(about)
  const { origin } = new URL(about.project.url)

  return function statementsOf(task: TaskRow, run: RunRow): Statements {
    const medium = mediaOf(task)
    const column = columnOf(task)
    return {
      whole: transcription(run, canvasOf(task) ?? medium),
      parts: [
        ...marks(run, medium),
        ...(column === undefined ? [] : passages(task, run, { origin, column })),
        ...document(run, medium),
      ],
    }
  }
}

/** The canvas of a task that an import of a IIIF manifest made. */
function canvasOf({ info }: TaskRow): Target | undefined {
  const [canvas, manifest] = [memberOf(info, 'target'), memberOf(info, 'manifest')]
  if (typeof canvas !== 'string' || !URL.canParse(canvas)) return undefined
  return typeof manifest === 'string' && URL.canParse(manifest)
    ? { id: canvas, type: 'Canvas', partOf: [{ id: manifest, type: 'Manifest' }] }
    : canvas
}

/** A text about the canvas that a task from a IIIF manifest names, else about the picture. */
function transcription({ info }: RunRow, target: Target | undefined): Statement[] {
  const read = Transcribed.safeParse(info)
  if (!read.success || target === undefined) return []
  const { text } = read.data
  return [{ motivation: 'supplementing', ...(text === '' ? {} : { body: textBody(text) }), target }]
}

function textBody(value: string, purpose?: string) {
  return { type: 'TextualBody', value, ...(purpose === undefined ? {} : { purpose }), format: 'text/plain' }
}

/** Marks are always about the picture, whose pixels they count. */
function marks({ info }: RunRow, picture: string | undefined): Statement[] {
  if (picture === undefined) return []
  return (regionsOf(info)?.regions ?? []).map((region) => ({
    motivation: region.label === undefined ? 'highlighting' : 'tagging',
    ...(region.label === undefined ? {} : { body: textBody(region.label, 'tagging') }),
    target: {
      type: 'SpecificResource',
      source: { id: picture, type: 'Image' },
      selector: regionSelector(region),
    },
  }))
}

function regionSelector(region: Region) {
  if (region.type === 'point') return { type: 'PointSelector', x: region.x, y: region.y }
  if (region.type === 'box') {
    const { x, y, width, height } = region
    return {
      type: 'FragmentSelector',
      conformsTo: 'http://www.w3.org/TR/media-frags/',
      value: `xywh=pixel:${x},${y},${width},${height}`,
    }
  }
  const points = region.points.map((point) => point.join(',')).join(' ')
  return {
    type: 'SvgSelector',
    value: `<svg xmlns="http://www.w3.org/2000/svg"><polygon points="${points}"/></svg>`,
  }
}

/** Passages of a text that stands in the task itself. */
function passages(
  { id, info: shown }: TaskRow,
  { info }: RunRow,
  { origin, column }: { origin: string; column: string },
): Statement[] {
  const read = Passages.safeParse(info)
  if (!read.success) return []
  const text = memberOf(shown, column)
  const source = { id: `${origin}/api/task/${id}#/info/${pointerPart(column)}`, type: 'Text' }
  return read.data.spans.flatMap((span) => {
    const passage = Passage.safeParse(span).data
    if (!passage) return []
    const selector = passageSelector(passage, text)
    return {
      motivation: 'tagging',
      body: textBody(passage.label, 'tagging'),
      target: { type: 'SpecificResource', source, selector },
    }
  })
}

/** Characters around a passage that help to find it again where the text was changed. */
const AROUND_CHARS = 32

/** What was read stands alone where the text is another one by now. */
function passageSelector({ start, end, text: exact }: z.infer<typeof Passage>, text: Json | undefined) {
  const quote = { type: 'TextQuoteSelector', exact }
  if (typeof text !== 'string' || text.slice(start, end) !== exact) return quote
  const [before, after] = [Array.from(text.slice(0, start)), Array.from(text.slice(end))]
  const prefix = before.slice(-AROUND_CHARS).join('')
  const suffix = after.slice(0, AROUND_CHARS).join('')
  const position = { start: before.length, end: before.length + Array.from(exact).length }
  return [
    { ...quote, prefix, suffix },
    { type: 'TextPositionSelector', ...position },
  ]
}

/** A key as a part of a JSON pointer in an address (RFC 6901 §6). */
function pointerPart(key: string): string {
  return encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'))
}

/** What was chosen for a PDF document, and the texts of its pages. */
function document({ info }: RunRow, address: string | undefined): Statement[] {
  const read = Document.safeParse(info)
  if (!read.success || address === undefined) return []
  const { answer = [], pages = [] } = read.data
  const source = { id: address, type: 'Text', format: 'application/pdf' }
  const chosen = [answer].flat().map((choice) => textBody(choice, 'classifying'))
  return [
    ...(chosen.length === 0 ? [] : [{ motivation: 'classifying', body: chosen, target: source }]),
    ...pages.flatMap((one) => {
      const written = WrittenPage.safeParse(one).data
      return written ? writtenPage(written, source) : []
    }),
  ]
}

function writtenPage({ page, text }: z.infer<typeof WrittenPage>, source: object): Statement {
  const selector = {
    type: 'FragmentSelector',
    conformsTo: 'http://tools.ietf.org/rfc/rfc3778',
    value: `page=${page}`,
  }
  return {
    motivation: 'supplementing',
    body: textBody(text),
    target: { type: 'SpecificResource', source, selector },
  }
}
