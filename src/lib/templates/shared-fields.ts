import type { LinesField, SwitchField } from './template.ts'

/** The most choices that number keys can reach. */
export const KEYED_CHOICES_MAX = 9

/** Fields that several templates ask alike. */
export const CHOICES = {
  kind: 'lines',
  name: 'choices',
  label: 'Answer choices',
  hint: 'One a line, two to nine. Each gets a number key.',
  missing: 'Give at least two choices.',
  default: ['Yes', 'No', 'I cannot tell'],
  min: 2,
  max: KEYED_CHOICES_MAX,
  charsMax: 80,
} as const satisfies LinesField

export const MULTIPLE = {
  kind: 'switch',
  name: 'multiple',
  label: 'People may choose several',
  default: false,
} as const satisfies SwitchField

export const LABELS = {
  kind: 'lines',
  name: 'labels',
  label: 'Labels (optional)',
  hint: 'One a line. People give each mark one of them.',
  default: [],
  min: 0,
  max: 30,
  charsMax: 80,
} as const satisfies LinesField
