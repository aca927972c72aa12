import { isObject } from '../../lib/bridge.ts'
import type { Json, JsonObject } from '../../lib/bridge.ts'
import type { FieldErrors } from '../../lib/errors.ts'
import {
  countItems,
  defaultSettings,
  formValues,
  itemName,
  typedSettings,
} from '../../lib/templates/settings.ts'
import type { FormValues } from '../../lib/templates/settings.ts'
import type {
  ColumnField,
  Field,
  ListField,
  PlainField,
  ReadyTemplate,
} from '../../lib/templates/template.ts'

/** What stands in a form, and what is wrong with it. */
interface Form {
  values: FormValues
  errors: FieldErrors
}

/** A field as the macro `templateField` draws it. */
type FieldView =
  (PlainField & { formName: string; whenName: string }) | (ListField & { items: ItemView[]; isFull: boolean })

interface ItemView {
  index: number
  isLast: boolean
  fields: FieldView[]
  /** Those that few need; shown at once when one of them says something. */
  rare: FieldView[]
  isRareOpen: boolean
}

/** A template's fields with their names in the form, and as many items of each list as the form holds. */
export function fieldViews({ fields }: ReadyTemplate, { values, errors }: Form): FieldView[] {
  return fields.map((field) =>
    field.kind === 'list' ? listView(field, { values, errors }) : plainView(field, (name) => name),
  )
}

function plainView(field: PlainField, nameOf: (name: string) => string): FieldView {
  return { ...field, formName: nameOf(field.name), whenName: field.when ? nameOf(field.when.field) : '' }
}

function listView(list: ListField, { values, errors }: Form): FieldView {
  const count = Math.max(countItems(list, values), list.min)
  const items = Array.from({ length: count }, (_, index) => {
    const nameOf = (name: string) => itemName(list, index, name)
    const views = (fields: readonly PlainField[]) => fields.map((field) => plainView(field, nameOf))
    const rare = list.fields.filter((field) => field.rare)
    const says = ({ name }: PlainField) => Boolean(values[nameOf(name)] ?? errors[nameOf(name)])
    return {
      index,
      isLast: index === count - 1,
      fields: views(list.fields.filter((field) => !field.rare)),
      rare: views(rare),
      isRareOpen: rare.some(says),
    }
  })
  return { ...list, items, isFull: count >= list.max }
}

/**
 * A form after one of its lists was edited: an item added, removed or moved.
 *
 * @param edit `<list>.add`, or `<list>.<index>.remove`, `up` or `down`; anything else changes nothing.
 */
export function editedValues(
  template: ReadyTemplate,
  values: FormValues,
  edit: string,
): Record<string, string> {
  const settings = typedSettings(template, values)
  const [name = '', ...how] = edit.split('.')
  const list = template.fields.find((field) => field.kind === 'list' && field.name === name)
  const items = settings[name]
  if (list?.kind === 'list' && Array.isArray(items)) settings[name] = editedItems(list, items, how)
  const { template: id = template.id, tutorial = '' } = values
  return { ...formValues(template, settings), template: id, tutorial }
}

function editedItems(list: ListField, items: readonly Json[], [at = '', action = '']: string[]): Json[] {
  if (at === 'add') return items.length < list.max ? [...items, emptyItem(list)] : [...items]
  const index = Number(at)
  const item = items[index]
  if (item === undefined) return [...items]
  const others = items.toSpliced(index, 1)
  if (action === 'remove') return others
  return others.toSpliced(Math.max(0, index + (action === 'up' ? -1 : 1)), 0, item)
}

function emptyItem(list: ListField): Json {
  return Object.fromEntries(
    list.fields.map((field) => [field.name, typeof field.default === 'object' ? null : field.default]),
  )
}

/** What a template's form holds before anything was saved, with the likeliest columns of the owner's own tasks. */
export function firstSettings(template: ReadyTemplate, samples: readonly unknown[]): JsonObject {
  const settings = defaultSettings(template)
  if (samples.length === 0) return settings
  const taken = new Set<string>()
  for (const field of template.fields) {
    if (field.kind !== 'column') continue
    // With tasks that do not tell, the owner chooses.
    const column = likelyColumn(field, samples[0], taken) ?? ''
    if (column !== '') taken.add(column)
    settings[field.name] = column
  }
  return settings
}

const ENDINGS: Partial<Record<ColumnField['holds'], RegExp>> = {
  picture: /\.(jpe?g|png|gif|webp|avif|svg)(\?|$)|\/info\.json$/i,
  sound: /\.(wav|mp3|ogg|oga|opus|m4a|flac)(\?|$)/i,
  video: /\.(mp4|webm|ogv|mov|m4v)(\?|$)/i,
  pdf: /\.pdf(\?|$)/i,
}

function likelyColumn(
  { holds, default: usual }: ColumnField,
  info: unknown,
  taken: ReadonlySet<string>,
): string | undefined {
  if (!isObject(info)) return undefined
  const free = Object.entries(info).filter(([name]) => !taken.has(name))
  if (free.some(([name]) => name === usual)) return usual
  const ending = ENDINGS[holds]
  const fits = (value: Json) =>
    typeof value === 'string' &&
    (ending ? ending.test(value) : holds === 'text' && /\p{L}\s+\p{L}/u.test(value))
  return free.find(([, value]) => fits(value))?.[0]
}

/** The names of a template's columns as its sample tasks have them. */
export function sampleColumns({ fields }: ReadyTemplate): JsonObject {
  return Object.fromEntries(
    fields.flatMap((field: Field) => (field.kind === 'column' ? [[field.name, field.default]] : [])),
  )
}
