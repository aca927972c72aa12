import { isObject } from '../bridge.ts'
import type { Json, JsonObject } from '../bridge.ts'
import { splitLines } from '../line-breaks.ts'
import type { Field, ListField, PlainField, ReadyTemplate, SettingsOf } from './template.ts'

/** The values of a form as browsers send them; those of a list's items are called `list.0.field`. */
export type FormValues = Readonly<Record<string, string>>

/**
 * Settings out of JSON, whatever is in it: what is missing, as in versions from before a field was added, or of
 * another type, has its default.
 */
export function readSettings<T extends ReadyTemplate>(template: T, value: unknown): SettingsOf<T> {
  return readFields(template.fields, value) as SettingsOf<T>
}

/** What a template's form holds at first. */
export function defaultSettings(template: ReadyTemplate): JsonObject {
  return readFields(template.fields, {})
}

/** The settings of a form as it was typed: nothing is checked, blanks around texts are gone. */
export function typedSettings({ fields }: ReadyTemplate, values: FormValues): JsonObject {
  return Object.fromEntries(fields.map((field) => [field.name, typedField(field, values)]))
}

/** The form that gives these settings. */
export function formValues({ fields }: ReadyTemplate, settings: JsonObject): Record<string, string> {
  return Object.fromEntries(
    fields.flatMap((field) => {
      const value = settings[field.name]
      if (field.kind !== 'list') return [[field.name, valueText(value)]]
      const items = Array.isArray(value) ? value : []
      return items.flatMap((item, index) =>
        field.fields.map((inner) => [
          itemName(field, index, inner.name),
          valueText(isObject(item) ? item[inner.name] : undefined),
        ]),
      )
    }),
  )
}

/** The name in a form of a field of a list's item. */
export function itemName(list: ListField, index: number, fieldName: string): string {
  return `${list.name}.${index}.${fieldName}`
}

/** How many items of a list a form holds. */
export function countItems(list: ListField, values: FormValues): number {
  const start = `${list.name}.`
  const indexes = Object.keys(values)
    .filter((name) => name.startsWith(start))
    .map((name) => Number(/^\d{1,3}/.exec(name.slice(start.length))?.[0] ?? -1))
  return Math.min(Math.max(-1, ...indexes) + 1, list.max)
}

/** Whether a field is asked for, by the values beside it. */
export function isAsked(field: PlainField | Field, beside: JsonObject): boolean {
  return field.when === undefined || field.when.is.includes(valueText(beside[field.when.field]))
}

function readFields(fields: readonly Field[], value: unknown): JsonObject {
  const stored = isObject(value) ? value : {}
  return Object.fromEntries(fields.map((field) => [field.name, readField(field, stored[field.name])]))
}

function readField(field: Field, value: Json | undefined): Json {
  switch (field.kind) {
    case 'switch':
      return typeof value === 'boolean' ? value : field.default
    case 'number':
      return typeof value === 'number' || value === null ? value : field.default
    case 'lines':
      return Array.isArray(value) ? value.filter((line) => typeof line === 'string') : [...field.default]
    case 'list':
      return (Array.isArray(value) ? value : [...field.default]).map((item) => readFields(field.fields, item))
    case 'choice':
      return field.options.some((option) => option.value === value) ? (value ?? '') : field.default
    default:
      return typeof value === 'string' ? value : field.default
  }
}

function typedField(field: Field, values: FormValues): Json {
  if (field.kind !== 'list') return typedValue(field, values[field.name])
  return Array.from({ length: countItems(field, values) }, (_, index) =>
    Object.fromEntries(
      field.fields.map((inner) => [
        inner.name,
        typedValue(inner, values[itemName(field, index, inner.name)]),
      ]),
    ),
  )
}

function typedValue(field: PlainField, text: string | undefined): Json {
  switch (field.kind) {
    case 'switch':
      return text === 'on'
    case 'lines':
      return splitLines(text ?? '')
        .map((line) => line.trim())
        .filter((line) => line !== '')
    case 'number':
      if (text === undefined) return field.default
      return text.trim() === '' ? null : numberOr(text.trim())
    case 'choice':
      return text ?? field.default
    case 'area':
      return splitLines(text ?? '')
        .join('\n')
        .trim()
    default:
      return (text ?? '').trim()
  }
}

/** What is no number stays as it is, to be refused. */
function numberOr(text: string): Json {
  const number = Number(text)
  return Number.isFinite(number) ? number : text
}

function valueText(value: Json | undefined): string {
  if (typeof value === 'boolean') return value ? 'on' : ''
  if (Array.isArray(value)) return value.map(valueText).join('\n')
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}
