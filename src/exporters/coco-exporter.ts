import type { ExportDescription } from '../domain/exports/export-work.ts'
import { InvalidError } from '../lib/errors.ts'
import type { ExportPlan, Exporter, WritePart } from './exporter.ts'
import { regionsOf } from './regions.ts'
import type { Region } from './regions.ts'
import { createMediaFinder, memberOf, originOf, taskRows, writeJsonList } from './task-rows.ts'
import type { TaskRow } from './task-rows.ts'

/**
 * Boxes, outlines and points on pictures as COCO has them (cocodataset.org/#format-data): `<short_name>_coco.json`. A
 * picture is a task, a point is a keypoint of one place, and who marked it stands in `attributes`.
 */
export const cocoExporter: Exporter = {
  wantsColumns: false,
  passes: 2,
  explained:
    'COCO (cocodataset.org): images have their task’s id, categories are labels (what has none is called “mark”). Boxes and\noutlines are segmentations, points are keypoints of one place. attributes say who marked it. Pictures that nobody has\nlooked at yet are left out, since their size is not known.',
  members: (plan) => [
    {
      name: `${plan.shortName}_coco.json`,
      async write(write) {
        await writeCoco(write, plan)
        return undefined
      },
    },
  ],
}

async function writeCoco(write: WritePart, { rows, about }: ExportPlan): Promise<void> {
  const categories = createCategories(about)
  await write(
    `{"info":${JSON.stringify(infoOf(about))},\n"licenses":${JSON.stringify(licencesOf(about))},\n"images":`,
  )
  await writeJsonList(write, imagesOf(taskRows(rows), about))
  await write(',\n"annotations":')
  await writeJsonList(write, marksOf(taskRows(rows), categories))
  await write(`,\n"categories":${JSON.stringify(categories.list())}}\n`)
}

function infoOf({ project, moment }: ExportDescription) {
  return {
    year: Number(moment.slice(0, 4)),
    version: moment,
    description: project.name,
    contributor: project.url,
    url: project.url,
    date_created: moment,
  }
}

const LICENCE_ID = 1

function licencesOf({ licence }: ExportDescription) {
  return licence ? [{ id: LICENCE_ID, name: licence.title, url: licence.url }] : []
}

async function* imagesOf(tasks: AsyncIterable<TaskRow>, about: ExportDescription) {
  const mediaOf = createMediaFinder(about)
  for await (const task of tasks) {
    const picture = task.task_run.map(({ info }) => regionsOf(info)).find((marked) => marked !== undefined)
    if (!picture) continue
    const url = mediaOf(task)
    yield {
      id: task.id,
      width: picture.width,
      height: picture.height,
      file_name: url === undefined ? String(task.id) : new URL(url).pathname.slice(1),
      ...(url === undefined ? {} : { coco_url: url }),
      ...(about.licence ? { license: LICENCE_ID } : {}),
    }
  }
}

async function* marksOf(tasks: AsyncIterable<TaskRow>, categories: Categories) {
  let id = 0
  for await (const task of tasks)
    for (const run of task.task_run)
      for (const region of regionsOf(run.info)?.regions ?? []) {
        id += 1
        yield {
          id,
          image_id: task.id,
          category_id: categories.idOf(region),
          ...shapeOf(region),
          iscrowd: 0,
          attributes: originOf(run),
        }
      }
}

function shapeOf(region: Region) {
  if (region.type === 'point') {
    const { x, y } = region
    return { keypoints: [x, y, VISIBLE], num_keypoints: 1, segmentation: [], area: 0, bbox: [x, y, 0, 0] }
  }
  if (region.type === 'box') {
    const { x, y, width, height } = region
    const corners = [x, y, x + width, y, x + width, y + height, x, y + height]
    return { segmentation: [corners], area: width * height, bbox: [x, y, width, height] }
  }
  const { points } = region
  return { segmentation: [points.flat()], area: areaOf(points), bbox: boxAround(points) }
}

/** COCO's word for a keypoint that is there and can be seen. */
const VISIBLE = 2

/** By the shoelace formula. */
function areaOf(points: readonly (readonly [number, number])[]): number {
  let twice = 0
  for (const [index, [x, y]] of points.entries()) {
    const [nextX, nextY] = points[(index + 1) % points.length] ?? [x, y]
    twice += x * nextY - nextX * y
  }
  return Math.abs(twice) / 2
}

function boxAround(points: readonly (readonly [number, number])[]): number[] {
  let [left, top] = [Infinity, Infinity]
  let [right, bottom] = [-Infinity, -Infinity]
  for (const [x, y] of points) {
    ;[left, top] = [Math.min(left, x), Math.min(top, y)]
    ;[right, bottom] = [Math.max(right, x), Math.max(bottom, y)]
  }
  return [left, top, right - left, bottom - top]
}

interface Category {
  readonly id: number
  readonly name: string
  hasPoints: boolean
}

interface Categories {
  idOf(region: Region): number
  list(): object[]
}

/** More labels than this are no labels. */
const CATEGORIES_MAX = 10_000
const UNLABELLED = 'mark'

/** Labels as categories: those that the owner set keep their number while no more are set, others follow as they are met. */
function createCategories({ versions }: ExportDescription): Categories {
  const byName = new Map<string, Category>()

  function named(name: string): Category {
    let category = byName.get(name)
    if (!category) {
      if (byName.size === CATEGORIES_MAX)
        throw new InvalidError(
          `There are more than ${CATEGORIES_MAX} different labels, too many for COCO. Export the answers as CSV or JSON instead.`,
        )
      category = { id: byName.size + 1, name, hasPoints: false }
      byName.set(name, category)
    }
    return category
  }

  for (const { settings } of versions.toReversed()) {
    const labels = memberOf(settings, 'labels')
    for (const label of Array.isArray(labels) ? labels : []) if (typeof label === 'string') named(label)
  }
  return {
    idOf({ label = UNLABELLED, type }) {
      const category = named(label)
      if (type === 'point') category.hasPoints = true
      return category.id
    },
    list: () =>
      [...byName.values()].map(({ id, name, hasPoints }) => ({
        id,
        name,
        supercategory: '',
        ...(hasPoints ? { keypoints: ['place'], skeleton: [] } : {}),
      })),
  }
}
