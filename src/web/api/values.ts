import { z } from 'zod'
import type { Json, JsonObject } from '../../platform/schema.ts'

/**
 * What the API's attributes hold, as bodies may give them and as objects show them. PyBossa's tools send numbers as
 * texts and texts as numbers, so both are taken.
 */

const TRUTH = { truthy: ['true', 't', '1', 'yes', 'on'], falsy: ['false', 'f', '0', 'no', 'off'] }

export const integer = z.union(
  [
    z.int(),
    z
      .string()
      .regex(/^-?\d+$/)
      .transform(Number)
      .pipe(z.int()),
  ],
  'a whole number is wanted',
)

export const number = z.union(
  [
    z.number(),
    z
      .string()
      .regex(/^\s*-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i)
      .transform(Number)
      .pipe(z.number()),
  ],
  'a number is wanted',
)

export const text = z.union([z.string(), z.number().transform(String).pipe(z.string())], 'a text is wanted')

export const boolean = z.union(
  [
    z.boolean(),
    z.stringbool(TRUTH),
    z
      .union([z.literal(0), z.literal(1)])
      .transform(Boolean)
      .pipe(z.boolean()),
  ],
  'true or false is wanted',
)

export const jsonObject = z.custom<JsonObject>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'an object is wanted',
)

/** Whatever JSON can hold. */
export const json = z.custom<Json>((value) => value !== undefined)

export const integers = z.array(integer, 'a list of ids is wanted')

/** UTC, with microseconds and without a zone, as PyBossa writes it. */
export const time = z.string('a time is wanted').meta({ examples: ['2026-05-03T14:37:30.642119'] })
