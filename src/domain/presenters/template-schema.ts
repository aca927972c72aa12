import { z } from 'zod'
import { isObject } from '../../lib/bridge.ts'
import type { Json, JsonObject } from '../../lib/bridge.ts'
import { isAsked } from '../../lib/templates/settings.ts'
import type {
  ColumnField,
  Field,
  LinesField,
  NumberField,
  ReadyTemplate,
  TextField,
} from '../../lib/templates/template.ts'

const COLUMN_CHARS_MAX = 200

/** What the settings of a template have to be, with a message for each field that says what to do. */
export function settingsSchema({ fields }: ReadyTemplate): z.ZodType<JsonObject> {
  return schemaOf(fields)
}

function schemaOf(fields: readonly Field[]): z.ZodType<JsonObject> {
  const whole = z.strictObject(Object.fromEntries(fields.map((field) => [field.name, fieldSchema(field)])))
  if (fields.every((field) => field.when === undefined)) return whole
  return z.preprocess((value) => withoutUnasked(fields, value), whole)
}

/** What is not asked for is not checked either, and stored as its default. */
function withoutUnasked(fields: readonly Field[], value: unknown): unknown {
  if (!isObject(value)) return value
  const unasked = new Set(fields.filter((field) => !isAsked(field, value)).map(({ name }) => name))
  return Object.fromEntries(Object.entries(value).filter(([name]) => !unasked.has(name)))
}

function fieldSchema(field: Field): z.ZodType<Json> {
  const schema = askedSchema(field)
  return field.when === undefined ? schema : schema.default(defaultOf(field))
}

function defaultOf(field: Field): Json {
  return typeof field.default === 'object' && field.default !== null ? [...field.default] : field.default
}

function askedSchema(field: Field): z.ZodType<Json> {
  switch (field.kind) {
    case 'text':
    case 'area':
      return textSchema(field, field.charsMax)
    case 'column':
      return textSchema(field, COLUMN_CHARS_MAX)
    case 'lines':
      return linesSchema(field)
    case 'number':
      return numberSchema(field)
    case 'switch':
      return z.boolean().default(field.default)
    case 'choice': {
      const values = field.options.map(({ value }) => value)
      return z.enum(values, missing(field)).default(field.default)
    }
    case 'list':
      return z
        .array(schemaOf(field.fields))
        .min(field.min, missing(field))
        .max(field.max, `“${field.label}” has at most ${field.max} of them.`)
  }
}

function textSchema(field: TextField | ColumnField, charsMax: number): z.ZodType<string> {
  const text = z
    .string(missing(field))
    .trim()
    .max(charsMax, `“${field.label}” has at most ${charsMax} characters.`)
  return field.required ? text.min(1, missing(field)) : text.default(field.default)
}

function linesSchema(field: LinesField): z.ZodType<string[]> {
  const line = z
    .string()
    .trim()
    .min(1, 'Leave no line empty.')
    .max(field.charsMax, `A line of “${field.label}” has at most ${field.charsMax} characters.`)
  return z
    .array(line)
    .min(field.min, missing(field))
    .max(field.max, `“${field.label}” has at most ${field.max} lines.`)
    .refine(areDifferent, `Two lines of “${field.label}” are the same.`)
}

function numberSchema(field: NumberField): z.ZodType<number | null> {
  const range = `“${field.label}” is a number from ${field.min} to ${field.max}.`
  const number = z.number(range).min(field.min, range).max(field.max, range)
  return field.required ? number : number.nullable().default(field.default)
}

function missing(field: Field): string {
  return field.missing ?? `Fill in “${field.label}”.`
}

function areDifferent(lines: readonly string[]): boolean {
  return new Set(lines.map((line) => line.normalize('NFC').toLocaleLowerCase('en'))).size === lines.length
}
