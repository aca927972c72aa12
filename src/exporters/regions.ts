import { z } from 'zod'
import type { Json } from '../platform/schema.ts'

const Label = z.string().optional()

/** What the template for pictures stores; anything else that code stored is no region. */
const Region = z.discriminatedUnion('type', [
  z.object({ type: z.literal('point'), x: z.number(), y: z.number(), label: Label }),
  z.object({
    type: z.literal('box'),
    x: z.number(),
    y: z.number(),
    width: z.number().nonnegative(),
    height: z.number().nonnegative(),
    label: Label,
  }),
  z.object({
    type: z.literal('polygon'),
    points: z.array(z.tuple([z.number(), z.number()])).min(3),
    label: Label,
  }),
])

const Regions = z.object({
  marks: z.array(z.unknown()),
  picture: z.object({ width: z.int().positive(), height: z.int().positive() }),
})

export type Region = z.infer<typeof Region>

export interface MarkedPicture {
  readonly width: number
  readonly height: number
  readonly regions: readonly Region[]
}

/** What somebody marked on a picture; undefined for a task run that is about something else. */
export function regionsOf(info: Json): MarkedPicture | undefined {
  const read = Regions.safeParse(info)
  if (!read.success) return undefined
  const { marks, picture } = read.data
  return { ...picture, regions: marks.flatMap((mark) => Region.safeParse(mark).data ?? []) }
}
