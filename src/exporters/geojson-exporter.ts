import { z } from 'zod'
import type { ExportPlan, Exporter } from './exporter.ts'
import { originOf, taskRows, writeJsonList } from './task-rows.ts'

const Position = z.array(z.number()).min(2).max(3)
const Line = z.array(Position).min(2)
const Ring = z.array(Position).min(4).refine(isClosed)

/** The geometries of RFC 7946, but collections of several kinds. */
const Geometry = z.discriminatedUnion('type', [
  z.object({ type: z.literal('Point'), coordinates: Position }),
  z.object({ type: z.literal('MultiPoint'), coordinates: z.array(Position) }),
  z.object({ type: z.literal('LineString'), coordinates: Line }),
  z.object({ type: z.literal('MultiLineString'), coordinates: z.array(Line) }),
  z.object({ type: z.literal('Polygon'), coordinates: z.array(Ring).min(1) }),
  z.object({ type: z.literal('MultiPolygon'), coordinates: z.array(z.array(Ring).min(1)) }),
])

const Drawn = z.object({ geojson: z.object({ features: z.array(z.unknown()) }) })
const Feature = z.object({
  geometry: Geometry,
  properties: z.record(z.string(), z.unknown()).nullish(),
})

/**
 * Places, lines and areas of all task runs as one FeatureCollection (RFC 7946): `<short_name>.geojson`. Whose they are
 * stands in their properties.
 */
export const geojsonExporter: Exporter = {
  wantsColumns: false,
  passes: 1,
  explained:
    'GeoJSON (RFC 7946): each place, line and area is a feature. label is its label; task_id, task_run_id and the rest say whose\nit is. Longitude comes before latitude.',
  members: (plan) => [
    {
      name: `${plan.shortName}.geojson`,
      async write(write) {
        await write('{"type":"FeatureCollection","features":')
        await writeJsonList(write, featuresOf(plan))
        await write('}\n')
        return undefined
      },
    },
  ],
}

async function* featuresOf({ rows }: ExportPlan) {
  for await (const task of taskRows(rows))
    for (const run of task.task_run)
      for (const [index, drawn] of (Drawn.safeParse(run.info).data?.geojson.features ?? []).entries()) {
        const feature = Feature.safeParse(drawn)
        if (!feature.success) continue
        const { geometry, properties } = feature.data
        yield {
          type: 'Feature',
          id: `${run.id}-${index + 1}`,
          geometry,
          properties: { ...properties, task_id: task.id, ...originOf(run) },
        }
      }
}

function isClosed(ring: readonly (readonly number[])[]): boolean {
  const [first = [], last = []] = [ring[0], ring.at(-1)]
  return first.length === last.length && first.every((value, index) => value === last[index])
}
