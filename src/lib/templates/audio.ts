import { TIMING_FIELDS } from './timing-fields.ts'
import { TIMING_WORDS } from './timing-words.ts'
import { defineTemplate } from './template.ts'

const MEDIA = ['http:', 'https:', 'data:', 'blob:']

/**
 * Answers about a sound, and marks in it in seconds. Stores `{"answer", "marks": [{"type": "range", "start", "end",
 * "label"}], "duration"}`, each as far as it is asked for.
 */
export const audio = defineTemplate({
  id: 'audio',
  exportFormats: ['webvtt'],
  name: 'Sound',
  description: 'A recording with its waveform: choose an answer, mark times, or both.',
  icon: 'M3 16h3M9 10v12M14 5v22M19 12v8M24 8v16M29 13v6M34 9v14M39 12v8M44 16h1',
  fields: [
    {
      kind: 'column',
      name: 'mediaColumn',
      label: 'Column with the sound',
      hint: 'The column of your tasks that holds the address of the sound.',
      missing: 'Name the column that holds the address of the sound.',
      default: 'audio',
      required: true,
      holds: 'sound',
    },
    ...TIMING_FIELDS,
  ],
  words: {
    ...TIMING_WORDS,
    failed: 'The sound could not be played. Its format may be unknown to this browser.',
    none: 'This task has no sound.',
    waveform: 'Waveform',
  },
  policy: { 'media-src': MEDIA, 'connect-src': MEDIA },
})
