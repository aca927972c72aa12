import { CHOICES, MULTIPLE } from './shared-fields.ts'
import { defineTemplate } from './template.ts'

/**
 * A PDF document with a question, a text for each page, or both. Stores `{"answer", "pages": [{"page", "text"}],
 * "pageCount"}`, each as far as it is asked for; the first page is 1.
 */
export const pdf = defineTemplate({
  id: 'pdf',
  exportFormats: ['webannotation'],
  name: 'PDF document',
  description: 'A document to leaf through: choose an answer, write down its pages, or both.',
  icon: 'M10 2h20l8 8v20H10zM30 2v8h8M16 17h16M16 23h12',
  fields: [
    {
      kind: 'column',
      name: 'documentColumn',
      label: 'Column with the document',
      hint: 'The column of your tasks that holds the address of the PDF. Its server has to let other sites read it (CORS).',
      missing: 'Name the column that holds the address of the document.',
      default: 'pdf',
      required: true,
      holds: 'pdf',
    },
    {
      kind: 'column',
      name: 'pageColumn',
      label: 'Column with the page to open (optional)',
      hint: 'The first page is 1.',
      default: '',
      required: false,
      holds: 'text',
    },
    {
      kind: 'choice',
      name: 'task',
      label: 'What people do',
      default: 'classify',
      options: [
        { value: 'classify', label: 'Choose an answer' },
        { value: 'transcribe', label: 'Write down pages' },
        { value: 'both', label: 'Choose an answer and write down pages' },
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
  ],
  words: {
    previous: 'Previous',
    next: 'Next',
    page: 'Page',
    pageOf: 'of {count}',
    pageName: 'Page {page} of {count}',
    zoomIn: 'Zoom in',
    zoomOut: 'Zoom out',
    text: 'Text of this page',
    textOf: 'Text of page {page}',
    written: 'Written so far: page {pages}',
    nothing: 'There is nothing to write down',
    missingText: 'Write down a page, or tick “There is nothing to write down”.',
    missingChoice: 'Choose an answer.',
    keys: 'Page Up and Page Down leaf through the document.',
    failed: 'The document could not be loaded. Its server may not let other sites read it.',
    none: 'This task has no document.',
  },
  policy: { 'connect-src': ['http:', 'https:', 'data:', 'blob:'], 'worker-src': ['blob:'] },
})
