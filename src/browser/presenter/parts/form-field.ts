import type { Json } from '../../../lib/bridge.ts'
import { filled } from '../../../lib/contribute-strings.ts'
import { rangeOf } from '../../../lib/templates/free-form.ts'
import type { FormField, freeForm } from '../../../lib/templates/free-form.ts'
import { element } from '../elements.ts'

/** A value, or why there is none yet; undefined when there need not be one. */
export type FieldReading = { value: Json } | { missing: string } | undefined

export interface FormFieldView {
  readonly root: HTMLElement
  read(): FieldReading
  /** What is said now, to compare with: one text, or all that are chosen. */
  values(): string[]
  focusable(): HTMLElement
  clear(): void
}

type Words = Readonly<Record<keyof typeof freeForm.words, string>>

/** One field of a form as people fill it in. @param id unique on the page */
export function createFormField(field: FormField, id: string, words: Words): FormFieldView {
  switch (field.type) {
    case 'scale':
      return choiceField(field, scaleTexts(field), { id, words })
    case 'one':
    case 'several':
      return choiceField(field, field.choices, { id, words })
    default:
      return inputField(field, id, words)
  }
}

function scaleTexts(field: FormField): string[] {
  const { min, max } = rangeOf(field)
  const first = min ?? 1
  return Array.from({ length: (max ?? first) - first + 1 }, (_, index) => String(first + index))
}

function labelText({ label, required }: FormField, words: Words): (Node | string)[] {
  return required ? [label, ' ', element('span', { class: 'is-required' }, words.required)] : [label]
}

function inputField(field: FormField, id: string, words: Words): FormFieldView {
  const named = (sentence: string) => filled(sentence, { label: field.label })
  const input =
    field.type === 'area'
      ? element('textarea', { id, rows: '3' })
      : element('input', { id, type: field.type, step: 'any', autocomplete: 'off' })
  if (field.type === 'number') input.setAttribute('inputmode', 'decimal')
  if (field.required) input.setAttribute('aria-required', 'true')
  const root = element(
    'div',
    { class: 'form-field', 'data-field': '' },
    element('label', { for: id }, ...labelText(field, words)),
    input,
  )

  return {
    root,
    focusable: () => input,
    values: () => [input.value.trim()],
    clear() {
      input.value = ''
    },
    read() {
      const text = input.value.trim()
      // A browser gives no value for half a date or a word in place of a number.
      if (input.validity.badInput) {
        return { missing: named(field.type === 'date' ? words.date : words.number) }
      }
      if (text === '') return field.required ? { missing: named(words.fill) } : undefined
      return field.type === 'number' ? numberReading(field, Number(text), words) : { value: text }
    },
  }
}

function numberReading(field: FormField, value: number, words: Words): FieldReading {
  const { min, max } = rangeOf(field)
  if ((min === null || value >= min) && (max === null || value <= max)) return { value }
  const sentence = min === null ? words.atMost : max === null ? words.atLeast : words.range
  return { missing: filled(sentence, { label: field.label, min: String(min), max: String(max) }) }
}

function choiceField(
  field: FormField,
  texts: readonly string[],
  { id, words }: { id: string; words: Words },
): FormFieldView {
  const isMany = field.type === 'several'
  const named = (sentence: string) => filled(sentence, { label: field.label })
  const inputs = texts.map((value, index) =>
    element('input', {
      type: isMany ? 'checkbox' : 'radio',
      id: `${id}-${index}`,
      name: id,
      value,
      ...(field.required && !isMany ? { 'aria-required': 'true' } : {}),
    }),
  )
  const options = inputs.map((input) =>
    element('label', { class: 'option' }, input, element('span', {}, input.value)),
  )
  const root = element(
    'fieldset',
    { class: `form-field ${field.type}`, 'data-field': '' },
    element('legend', {}, ...labelText(field, words)),
    element('div', { class: 'options' }, ...options),
  )
  const chosen = () => inputs.filter((input) => input.checked).map((input) => input.value)

  return {
    root,
    values: chosen,
    focusable: () => inputs[0] ?? root,
    clear() {
      for (const input of inputs) input.checked = false
    },
    read() {
      const texts = chosen()
      const [first] = texts
      if (first === undefined) return field.required ? { missing: named(words.choose) } : undefined
      if (isMany) return { value: texts }
      return { value: field.type === 'scale' ? Number(first) : first }
    },
  }
}
