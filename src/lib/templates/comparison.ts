import { defineTemplate } from './template.ts'

/** Two items side by side, of which one is chosen. Stores `{"answer": "a"}`, `"b"`, or `"same"`. */
export const comparison = defineTemplate({
  id: 'comparison',
  name: 'Comparison of two',
  description:
    'Two pictures, texts or sounds side by side, and people choose one: for ranking and for quality.',
  icon: 'M3 5h17v18H3zM28 5h17v18H28zM8 28h7M33 28h7M3 18l5-5 6 6M28 17l6-6 5 5',
  policy: { 'media-src': ['http:', 'https:', 'data:', 'blob:'] },
  fields: [
    {
      kind: 'choice',
      name: 'kind',
      label: 'What is compared',
      default: 'picture',
      options: [
        { value: 'picture', label: 'Pictures' },
        { value: 'text', label: 'Texts' },
        { value: 'sound', label: 'Sounds' },
      ],
    },
    {
      kind: 'column',
      name: 'columnA',
      label: 'Column with the first item',
      hint: 'The column of your tasks that holds the address of the picture or sound, or the text itself.',
      missing: 'Name the column that holds the first item.',
      default: 'first',
      required: true,
      holds: 'picture',
    },
    {
      kind: 'column',
      name: 'columnB',
      label: 'Column with the second item',
      missing: 'Name the column that holds the second item.',
      default: 'second',
      required: true,
      holds: 'picture',
    },
    {
      kind: 'switch',
      name: 'mayBeSame',
      label: 'People may say that there is no difference',
      default: true,
    },
  ],
  words: {
    chooseA: 'Choose A',
    chooseB: 'Choose B',
    same: 'No difference',
    pictureA: 'Picture A',
    pictureB: 'Picture B',
    soundA: 'Sound A',
    soundB: 'Sound B',
    soundFailed: 'A sound could not be loaded.',
    soundMissing: 'This task lacks a sound.',
    textMissing: 'This task lacks a text.',
    keyHint: 'Keys: 1 or ← for A, 2 or → for B',
    keyHintSame: 'Keys: 1 or ← for A, 2 or → for B, 3 for no difference',
    keyHintSounds: 'Keys A and B play the sounds',
  },
})
