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
    kind: 'lines',
    name: 'choices',
    label: 'Answer choices',
    hint: 'One a line, two to nine. Each gets a number key.',
    missing: 'Give at least two choices.',
    default: ['Yes', 'No', 'I cannot tell'],
    min: 2,
    max: 9,
    charsMax: 80,
    when: { field: 'task', is: ['classify', 'both'] },
  },
  {
    kind: 'switch',
    name: 'multiple',
    label: 'People may choose several',
    default: false,
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
    kind: 'lines',
    name: 'labels',
    label: 'Labels of marks (optional)',
    hint: 'One a line. People give each mark one of them.',
    default: [],
    min: 0,
    max: 30,
    charsMax: 80,
    when: { field: 'task', is: ['mark', 'both'] },
  },
] as const satisfies readonly Field[]
