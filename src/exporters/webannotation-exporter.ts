import { z } from 'zod'
import type { ExportPlan, Exporter } from './exporter.ts'
import { regionsOf } from './regions.ts'
import type { Region } from './regions.ts'
import { createMediaFinder, memberOf, taskRows, writeJsonList } from './task-rows.ts'
import type { RunRow, TaskRow } from './task-rows.ts'

const Transcribed = z.object({ text: z.string() })

/** That of annotations, and behind it that of IIIF, which adds canvases, points and the motive “supplementing”. */
const CONTEXT = ['http://www.w3.org/ns/anno.jsonld', 'http://iiif.io/api/presentation/3/context.json']

/**
 * Texts and marks as one page of Web Annotations (w3.org/TR/annotation-model), as IIIF's viewers read them:
 * `<short_name>_annotations.json`. A text is about the canvas that a task from a IIIF manifest names, else about the
 * picture; marks are always about the picture, whose pixels they count.
 */
export const iiifExporter: Exporter = {
  wantsColumns: false,
  passes: 1,
  explained:
    'Web Annotations (w3.org/TR/annotation-model) as IIIF’s viewers read them: a page with one annotation for each text or mark.\nIts id is the task run’s address, its target the IIIF canvas or the picture. A page that nobody could read has no body.',
  members: (plan) => [
    {
      name: `${plan.shortName}_annotations.json`,
      async write(write) {
        await write(`${pageHead(plan)},"items":`)
        await writeJsonList(write, itemsOf(plan))
        await write('}\n')
        return undefined
      },
    },
  ],
}

/** The page as JSON, without its end. */
function pageHead({ about: { project, licence } }: ExportPlan): string {
  const id = `${project.url}tasks/export#annotations`
  const page = {
    '@context': CONTEXT,
    id: `${id}-1`,
    type: 'AnnotationPage',
    ...(licence ? { rights: licence.url } : {}),
    partOf: { id, type: 'AnnotationCollection', label: project.name },
    startIndex: 0,
  }
  return JSON.stringify(page).slice(0, -1)
}

async function* itemsOf({ rows, about }: ExportPlan) {
  const mediaOf = createMediaFinder(about)
  const { origin } = new URL(about.project.url)
  for await (const task of taskRows(rows)) {
    const picture = mediaOf(task)
    for (const run of task.task_run) {
      const about = { id: `${origin}/api/taskrun/${run.id}`, type: 'Annotation', ...originOf(run, origin) }
      yield* textOf(run, canvasOf(task) ?? picture).map((said) => ({ ...about, ...said }))
      yield* marksOf(run, picture).map((said, index) => ({
        ...about,
        id: `${about.id}#${index + 1}`,
        ...said,
      }))
    }
  }
}

function originOf({ user_id, finish_time }: RunRow, origin: string) {
  return {
    created: `${finish_time}Z`,
    ...(user_id === null ? {} : { creator: { id: `${origin}/api/user/${user_id}`, type: 'Person' } }),
  }
}

type Target = string | object | undefined

/** The canvas of a task that an import of a IIIF manifest made. */
function canvasOf({ info }: TaskRow): Target {
  const [canvas, manifest] = [memberOf(info, 'target'), memberOf(info, 'manifest')]
  if (typeof canvas !== 'string' || !URL.canParse(canvas)) return undefined
  return typeof manifest === 'string' && URL.canParse(manifest)
    ? { id: canvas, type: 'Canvas', partOf: [{ id: manifest, type: 'Manifest' }] }
    : canvas
}

function textOf({ info }: RunRow, target: Target) {
  const read = Transcribed.safeParse(info)
  if (!read.success || target === undefined) return []
  const { text } = read.data
  const body = text === '' ? {} : { body: { type: 'TextualBody', value: text, format: 'text/plain' } }
  return [{ motivation: 'supplementing', ...body, target }]
}

function marksOf({ info }: RunRow, source: string | undefined) {
  if (source === undefined) return []
  return (regionsOf(info)?.regions ?? []).map((region) => ({
    motivation: region.label === undefined ? 'highlighting' : 'tagging',
    ...(region.label === undefined
      ? {}
      : { body: { type: 'TextualBody', value: region.label, purpose: 'tagging', format: 'text/plain' } }),
    target: { type: 'SpecificResource', source: { id: source, type: 'Image' }, selector: selectorOf(region) },
  }))
}

function selectorOf(region: Region) {
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
