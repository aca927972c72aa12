import { CHOICES, LABELS, MULTIPLE } from './shared-fields.ts'
import type { Field } from './template.ts'

/** What the owners of sounds and of videos set alike, beside the column. */
export const TIMING_FIELDS = [
  {
    kind: 'choice',
    name: 'task',
    label: 'What people do',
    default: 'classify',
    options: [
      { value: 'classify', label: 'Choose an answer' },
      { value: 'mark', label: 'Mark times' },
      { value: 'both', label: 'Choose an answer and mark times' },
    ],
  },
  {
    ...CHOICES,
    when: { field: 'task', is: ['classify', 'both'] },
  },
  {
    ...MULTIPLE,
    when: { field: 'task', is: ['classify', 'both'] },
  },
  {
    kind: 'choice',
    name: 'marks',
    label: 'What people mark',
    default: 'ranges',
    options: [
      { value: 'ranges', label: 'Ranges, from one time to another' },
      { value: 'moments', label: 'Moments' },
      { value: 'both', label: 'Ranges and moments' },
    ],
    when: { field: 'task', is: ['mark', 'both'] },
  },
  {
    ...LABELS,
    label: 'Labels of marks (optional)',
    when: { field: 'task', is: ['mark', 'both'] },
  },
] as const satisfies readonly Field[]
