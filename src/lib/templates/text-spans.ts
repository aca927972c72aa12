import { defineTemplate } from './template.ts'
import { KEYED_CHOICES_MAX } from './shared-fields.ts'

/**
 * A text whose passages get labels. Stores `{"spans": [{"start", "end", "text", "label"}]}` in the order of the text;
 * `start` and `end` count UTF-16 units of the column's text from 0.
 */
export const textSpans = defineTemplate({
  id: 'text-spans',
  exportFormats: ['webannotation'],
  name: 'Labels in a text',
  description: 'People mark words and passages of a text: names, places, dates, whatever you look for.',
  icon: 'M3 5h26M35 5h10M3 12h8M17 12h28M3 19h34M3 26h18M17 9h20v6H17z',
  fields: [
    {
      kind: 'column',
      name: 'textColumn',
      label: 'Column with the text',
      missing: 'Name the column that holds the text.',
      default: 'text',
      required: true,
      holds: 'text',
    },
    {
      kind: 'lines',
      name: 'labels',
      label: 'Labels',
      hint: 'One a line, up to nine. Each gets a number key.',
      missing: 'Give at least one label.',
      default: ['Person', 'Place', 'Date'],
      min: 1,
      max: KEYED_CHOICES_MAX,
      charsMax: 40,
    },
    {
      kind: 'switch',
      name: 'mayBeNone',
      label: 'A text may have nothing to mark',
      default: true,
    },
  ],
  words: {
    labels: 'Label for the next passage',
    text: 'Text',
    help: 'Press the first and the last word of a passage, or select it.',
    helpKeys:
      'By keyboard: arrow keys go from word to word, Enter marks the first and the last one, Escape gives up.',
    first: 'First word: {word}. Now the last one.',
    marked: '{label}: {text}',
    removed: 'Removed: {text}',
    spans: 'Marked passages',
    none: 'Nothing is marked yet.',
    remove: 'Remove {label}: {text}',
    missing: 'Mark at least one passage.',
    textMissing: 'This task has no text.',
  },
})
