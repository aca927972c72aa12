import { defineTemplate } from './template.ts'

/** A page and its text side by side. Stores `{"text"}`, which is empty when nothing can be read. */
export const transcription = defineTemplate({
  id: 'transcription',
  exportFormats: ['webannotation'],
  name: 'Transcription',
  description: 'A page to enlarge, and a field beside it for its text. Takes IIIF deep zoom.',
  icon: 'M3 3h18v26H3zM8 9h8M8 15h8M8 21h5M26 3h19v26H26zM31 9h9M31 15h9M31 21h6',
  fields: [
    {
      kind: 'column',
      name: 'pictureColumn',
      label: 'Column with the page',
      hint: 'The column of your tasks that holds the address of a picture, of a IIIF info.json or of a .dzi file.',
      missing: 'Name the column that holds the address of the page.',
      default: 'page',
      required: true,
      holds: 'picture',
    },
    {
      kind: 'column',
      name: 'textColumn',
      label: 'Column with a text to correct (optional)',
      hint: 'The field holds it at first.',
      default: '',
      required: false,
      holds: 'text',
    },
    {
      kind: 'choice',
      name: 'direction',
      label: 'Direction of the text',
      default: 'auto',
      options: [
        { value: 'auto', label: 'As the text itself says' },
        { value: 'ltr', label: 'Left to right' },
        { value: 'rtl', label: 'Right to left' },
      ],
    },
  ],
  words: {
    page: 'Page to read',
    pageKeys: 'Arrow keys move the page, plus and minus zoom, 0 shows all of it.',
    zoomIn: 'Zoom in',
    zoomOut: 'Zoom out',
    whole: 'Show the whole page',
    turn: 'Turn the page',
    text: 'Text of the page',
    nothing: 'There is nothing to read',
    missing: 'Write the text, or tick “There is nothing to read”.',
    failed: 'The page could not be loaded.',
    none: 'This task has no page.',
  },
  policy: { 'connect-src': ['http:', 'https:', 'data:', 'blob:'] },
})
