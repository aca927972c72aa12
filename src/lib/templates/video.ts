import { TIMING_FIELDS } from './timing-fields.ts'
import { TIMING_WORDS } from './timing-words.ts'
import { defineTemplate } from './template.ts'

const MEDIA = ['http:', 'https:', 'data:', 'blob:']

/**
 * Answers about a video, and marks in it in seconds. Stores `{"answer", "marks": [{"type": "range", "start", "end",
 * "label"}], "duration"}`, each as far as it is asked for.
 */
export const video = defineTemplate({
  id: 'video',
  exportFormats: ['webvtt'],
  name: 'Video',
  description: 'A video: choose an answer, mark times, or both.',
  icon: 'M3 4h42v24H3zM20 10v12l10-6z',
  fields: [
    {
      kind: 'column',
      name: 'mediaColumn',
      label: 'Column with the video',
      hint: 'The column of your tasks that holds the address of the video.',
      missing: 'Name the column that holds the address of the video.',
      default: 'video',
      required: true,
      holds: 'video',
    },
    ...TIMING_FIELDS,
  ],
  words: {
    ...TIMING_WORDS,
    failed: 'The video could not be played. Its format may be unknown to this browser.',
    none: 'This task has no video.',
    video: 'Video of this task',
  },
  policy: { 'media-src': MEDIA },
})
