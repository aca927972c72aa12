import type { JsonObject } from '../bridge.ts'
import { readSettings } from './settings.ts'
import { defineTemplate } from './template.ts'
import type { SettingsOf } from './template.ts'

const WITH_CHOICES = ['one', 'several']
const WITH_RANGE = ['number', 'scale']

/** A form of several fields about a picture, a text, or nothing. Stores `{"<name>": value, ...}` of what was asked. */
export const freeForm = defineTemplate({
  id: 'free-form',
  name: 'Form of several fields',
  description: 'Your own form: texts, numbers, dates, scales and choices, also such that depend on another.',
  icon: 'M3 4h14v7H3zM3 21h14v7H3zM23 7h22M23 24h22M23 28h14M6 7.5l2 2 4-4',
  check: checkFields,
  fields: [
    {
      kind: 'column',
      name: 'pictureColumn',
      label: 'Column with a picture (optional)',
      default: 'picture',
      required: false,
      holds: 'picture',
    },
    {
      kind: 'column',
      name: 'textColumn',
      label: 'Column with a text to read (optional)',
      default: '',
      required: false,
      holds: 'text',
    },
    {
      kind: 'list',
      name: 'fields',
      label: 'Fields',
      item: 'Field',
      missing: 'Add at least one field.',
      default: [
        { label: 'What do you see?', type: 'text', required: true },
        { label: 'How sure are you?', type: 'scale', name: 'certainty', min: 1, max: 5 },
      ],
      min: 1,
      max: 30,
      fields: [
        {
          kind: 'text',
          name: 'label',
          label: 'Label',
          missing: 'Write what people read beside the field.',
          default: '',
          required: true,
          charsMax: 200,
        },
        {
          kind: 'choice',
          name: 'type',
          label: 'Kind of field',
          default: 'text',
          options: [
            { value: 'text', label: 'Text' },
            { value: 'area', label: 'Long text' },
            { value: 'number', label: 'Number' },
            { value: 'date', label: 'Date' },
            { value: 'scale', label: 'Scale' },
            { value: 'one', label: 'One of several choices' },
            { value: 'several', label: 'Any of several choices' },
          ],
        },
        {
          kind: 'lines',
          name: 'choices',
          label: 'Choices',
          hint: 'For choices: one a line, two to thirty.',
          missing: 'Give at least two choices.',
          default: [],
          min: 2,
          max: 30,
          charsMax: 80,
          when: { field: 'type', is: WITH_CHOICES },
        },
        {
          kind: 'number',
          name: 'min',
          label: 'Smallest',
          hint: 'For numbers and scales. A scale begins at 1 unless you say otherwise.',
          default: null,
          required: false,
          min: -1e9,
          max: 1e9,
          when: { field: 'type', is: WITH_RANGE },
        },
        {
          kind: 'number',
          name: 'max',
          label: 'Largest',
          hint: 'For numbers and scales. A scale ends at 5 unless you say otherwise.',
          default: null,
          required: false,
          min: -1e9,
          max: 1e9,
          when: { field: 'type', is: WITH_RANGE },
        },
        { kind: 'switch', name: 'required', label: 'Has to be filled in', default: false },
        {
          kind: 'text',
          name: 'name',
          rare: true,
          label: 'Name in the results (optional)',
          hint: 'Made of the label when you leave it empty.',
          default: '',
          required: false,
          charsMax: 60,
        },
        {
          kind: 'text',
          name: 'whenField',
          rare: true,
          label: 'Only ask when this field … (optional)',
          hint: 'The label or name of a field above.',
          default: '',
          required: false,
          charsMax: 200,
        },
        {
          kind: 'text',
          name: 'whenIs',
          rare: true,
          label: '… has this value',
          default: '',
          required: false,
          charsMax: 200,
        },
      ],
    },
  ],
  words: {
    fill: 'Fill in “{label}”.',
    choose: 'Choose for “{label}”.',
    number: '“{label}” is a number.',
    range: '“{label}” is a number from {min} to {max}.',
    atLeast: '“{label}” is at least {min}.',
    atMost: '“{label}” is at most {max}.',
    date: '“{label}” is a whole date.',
    required: '(required)',
    textMissing: 'This task has no text.',
  },
})

export type FormField = SettingsOf<typeof freeForm>['fields'][number]

const SCALE_MIN = 1
const SCALE_MAX = 5
/** More steps than these are a number and no scale. */
const SCALE_STEPS_MAX = 11

/** The key of each field in what is stored: its name, or its label in plain letters; no two are the same. */
export function fieldKeys(fields: readonly Pick<FormField, 'name' | 'label'>[]): string[] {
  const keys: string[] = []
  for (const [index, { name, label }] of fields.entries()) {
    const wanted = name === '' ? plainLetters(label) || `field_${index + 1}` : name
    keys.push(keys.includes(wanted) ? `${wanted}_${index + 1}` : wanted)
  }
  return keys
}

/** The field that another one depends on, by its label or its key: one of those above it. */
export function fieldNamed(fields: readonly FormField[], name: string): number {
  const keys = fieldKeys(fields)
  return fields.findIndex(({ label }, index) => label === name || keys[index] === name)
}

function plainLetters(label: string): string {
  return label
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .replace(/[^\p{L}\p{N}]+/gu, '_')
    .replace(/^_|_$/g, '')
    .slice(0, 40)
}

/** What the fields say of each other, once each of them is right by itself. */
function checkFields(settings: JsonObject): Record<string, string> {
  const { fields, commentBox } = readSettings(freeForm, settings)
  const keys = fieldKeys(fields)
  const problems: Record<string, string> = {}
  for (const [index, field] of fields.entries()) {
    const taken = [...keys.slice(0, index), ...(commentBox ? ['comment'] : [])]
    const found = [
      ['name', nameProblem(field, keys[index] ?? '', taken)],
      ['max', rangeProblem(field)],
      ...conditionProblems(field, fields.slice(0, index)),
    ] as const
    for (const [name, problem] of found)
      if (problem !== undefined) problems[`fields.${index}.${name}`] = problem
  }
  return problems
}

function nameProblem({ name }: FormField, key: string, taken: readonly string[]): string | undefined {
  const isTaken = taken.includes(name) || taken.includes(key)
  return isTaken ? `The name “${name || key}” is taken. Give this field another.` : undefined
}

function rangeProblem(field: FormField): string | undefined {
  const { min, max } = rangeOf(field)
  if (min !== null && max !== null && min >= max) return 'Give a larger number than the smallest.'
  const isRight = field.type !== 'scale' || isScale(min, max)
  return isRight ? undefined : `A scale has whole numbers and at most ${SCALE_STEPS_MAX} steps.`
}

function conditionProblems(
  { whenField, whenIs }: FormField,
  above: readonly FormField[],
): [string, string | undefined][] {
  if (whenField === '') return []
  const isThere = fieldNamed(above, whenField) !== -1
  return [
    ['whenField', isThere ? undefined : `No field above is called “${whenField}”.`],
    ['whenIs', whenIs === '' ? 'Write the value to wait for.' : undefined],
  ]
}

/** The ends of a number or scale; null where there is none. */
export function rangeOf({ type, min, max }: FormField): { min: number | null; max: number | null } {
  return type === 'scale' ? { min: min ?? SCALE_MIN, max: max ?? SCALE_MAX } : { min, max }
}

function isScale(min: number | null, max: number | null): boolean {
  if (!Number.isInteger(min) || !Number.isInteger(max)) return false
  return (max ?? 0) - (min ?? 0) < SCALE_STEPS_MAX
}
