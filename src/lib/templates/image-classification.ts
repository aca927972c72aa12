import { CHOICES, MULTIPLE } from './shared-fields.ts'
import { defineTemplate } from './template.ts'

/** One picture, one question, and one or several choices. Stores `{"answer": choice}` or `{"answer": [choices]}`. */
export const imageClassification = defineTemplate({
  id: 'image-classification',
  name: 'Image classification',
  description: 'One picture, one question, and a choice to make: by mouse, touch or number key.',
  icon: 'M3 3h26v26H3zM3 23l8-9 7 7 4-4 7 7M23 10h.01M34 8h11M34 16h11M34 24h11',
  fields: [
    CHOICES,
    MULTIPLE,
    {
      kind: 'column',
      name: 'pictureColumn',
      label: 'Column with the picture',
      hint: 'The column of your tasks that holds the address of the picture.',
      missing: 'Name the column that holds the address of the picture.',
      default: 'picture',
      required: true,
      holds: 'picture',
    },
  ],
  words: {
    keyHint: 'Press a number key to answer',
    keyHintSeveral: 'Press number keys to choose, Enter to submit',
    missing: 'Choose at least one.',
  },
})
