import { LABELS } from './shared-fields.ts'
import { MARKING_WORDS } from './marking-words.ts'
import { defineTemplate } from './template.ts'

/**
 * Points, boxes and outlines on a picture, in pixels of the picture. Stores
 * `{"marks": [{"type": "box", "x", "y", "width", "height", "label"}], "picture": {"width", "height"}}`.
 */
export const imageRegions = defineTemplate({
  id: 'image-regions',
  exportFormats: ['coco', 'webannotation'],
  name: 'Marking pictures',
  description: 'Points, boxes and outlines on a picture, each with a label if you want.',
  icon: 'M3 3h42v26H3zM9 9h12v10H9zM27 22l4-9 8 3-3 8zM38 8h.01',
  fields: [
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
    {
      kind: 'choice',
      name: 'shapes',
      label: 'What people draw',
      default: 'box',
      options: [
        { value: 'box', label: 'Boxes' },
        { value: 'point', label: 'Points' },
        { value: 'area', label: 'Outlines' },
        { value: 'any', label: 'All three' },
      ],
    },
    LABELS,
  ],
  words: {
    ...MARKING_WORDS,
    surface: 'Picture to mark',
    place: 'x {x}, y {y}',
  },
})
