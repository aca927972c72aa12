import type { ExportDescription } from '../domain/exports/export-work.ts'
import { isObject } from '../lib/bridge.ts'
import type { Json, JsonObject } from '../lib/bridge.ts'
import { findTemplate } from '../lib/templates/index.ts'
import { isAsked, readSettings } from '../lib/templates/settings.ts'
import type { Field } from '../lib/templates/template.ts'

/** What a version of a presenter asked, as its owner reads it in the template's form: a line for each setting. */
export function askedText({
  id,
  created,
  template,
  settings,
}: ExportDescription['versions'][number]): string {
  const heading = `Version ${id}, from ${created}:`
  if (template === null) return `${heading} code of the project’s owner`
  const known = findTemplate(template)
  if (!known) return `${heading} ${template} ${JSON.stringify(settings)}`
  const lines = settingLines(known.fields, readSettings(known, settings))
  return [`${heading} ${known.name}`, ...lines.map((line) => `  ${line}`)].join('\n')
}

function settingLines(fields: readonly Field[], settings: JsonObject): string[] {
  return fields
    .filter((field) => isAsked(field, settings))
    .flatMap((field) => fieldLines(field, settings[field.name] ?? null))
}

/** Nothing for what was left empty. */
function fieldLines(field: Field, value: Json): string[] {
  const label = field.label.replace(/ \(optional\)$/, '')
  const [first = '', ...others] = valueLines(field, value)
  if (first === '') return []
  if (others.length === 0 && !Array.isArray(value)) return [`${label}: ${first}`]
  return [`${label}:`, ...[first, ...others].map((line) => `  ${line}`)]
}

function valueLines(field: Field, value: Json): string[] {
  if (field.kind === 'switch') return [value === true ? 'yes' : 'no']
  if (field.kind === 'choice') return [field.options.find((one) => one.value === value)?.label ?? '']
  if (Array.isArray(value)) return value.map((item) => `- ${itemText(field, item)}`)
  return plainText(value).split('\n')
}

function itemText(field: Field, item: Json): string {
  return field.kind === 'list' && isObject(item)
    ? settingLines(field.fields, item).join('; ')
    : plainText(item)
}

function plainText(value: Json): string {
  if (typeof value === 'string') return value
  return value === null ? '' : JSON.stringify(value)
}
