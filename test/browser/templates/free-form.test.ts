import type { FrameLocator } from 'playwright-core'
import { testTemplate } from '../../support/template-session.ts'
import type { Hands } from '../../support/template-session.ts'

const FIELDS = [
  { label: 'Title', type: 'text', required: true },
  { label: 'Pages', type: 'number', min: 1, max: 9 },
  { label: 'Written on', type: 'date', name: 'date' },
  { label: 'Legible?', type: 'scale', min: 1, max: 3, required: true },
  { label: 'Language', type: 'one', choices: ['Latin', 'Greek', 'Other'], required: true },
  { label: 'Which language?', type: 'text', whenField: 'Language', whenIs: 'Other', required: true },
  { label: 'Seen on it', type: 'several', choices: ['Seal', 'Stamp', 'Drawing'] },
  { label: 'Notes', type: 'area', whenField: 'seen_on_it', whenIs: 'Drawing' },
].map((field) => ({
  choices: [],
  min: null,
  max: null,
  required: false,
  name: '',
  whenField: '',
  whenIs: '',
  ...field,
}))

const labelled = (frame: FrameLocator, label: string) => frame.getByLabel(label, { exact: false }).first()
const submitIn = (frame: FrameLocator) => frame.getByRole('button', { name: 'Submit' })
const reads = (frame: FrameLocator, text: string) => frame.getByText(text, { exact: true }).waitFor()

async function fillByHand({ frame, press, type, keys }: Hands): Promise<void> {
  await press(submitIn(frame))
  await reads(frame, 'Fill in “Title”.')
  await type('Charter')
  await press(labelled(frame, 'Pages'))
  await type('12')
  await press(labelled(frame, '2'))
  await press(labelled(frame, 'Other'))
  await press(labelled(frame, 'Which language'))
  await type('Norse')
  await press(labelled(frame, 'Seal'))
  await press(labelled(frame, 'Drawing'))
  await press(labelled(frame, 'Notes'))
  await type('a lion')
  await press(submitIn(frame))
  await reads(frame, '“Pages” is a number from 1 to 9.')
  await keys('Backspace')
  await press(submitIn(frame))
  await reads(frame, 'second page')
  await press(labelled(frame, 'Title'))
  await type('Letter')
  await press(labelled(frame, 'Written on'))
  await type('03041792')
  await press(labelled(frame, '3'))
  await press(labelled(frame, 'Other'))
  await press(labelled(frame, 'Latin'))
  await press(submitIn(frame))
}

testTemplate({
  template: 'free-form',
  settings: { pictureColumn: '', textColumn: 'text', fields: FIELDS },
  tasks: [{ text: 'first page' }, { text: 'second page' }],
  ready: (frame) => reads(frame, 'first page'),
  mouse: fillByHand,
  touch: fillByHand,
  async keyboard({ frame, keys, type, tabTo }) {
    await tabTo(labelled(frame, 'Title'))
    await type('Charter')
    await keys('Tab')
    await type('1')
    await tabTo(labelled(frame, '1'))
    await keys('Space', 'ArrowRight', 'Tab', 'Space', 'ArrowDown', 'ArrowDown')
    await tabTo(labelled(frame, 'Which language'))
    await type('Norse')
    await keys('Tab', 'Space', 'Tab', 'Tab', 'Space', 'Tab')
    await type('a lion')
    await tabTo(submitIn(frame))
    await keys('Enter')
    await reads(frame, 'second page')
    // The question has the focus: Enter submits, and the message brings to the field.
    await keys('ArrowUp', 'Enter')
    await reads(frame, 'Fill in “Title”.')
    await type('Letter')
    await keys('Tab', 'Tab')
    await type('03041792')
    await tabTo(labelled(frame, '1'))
    await keys('ArrowRight', 'ArrowRight', 'Tab', 'Space')
    await tabTo(submitIn(frame))
    await keys('Enter')
  },
  stored: [
    {
      title: 'Charter',
      pages: 1,
      legible: 2,
      language: 'Other',
      which_language: 'Norse',
      seen_on_it: ['Seal', 'Drawing'],
      notes: 'a lion',
    },
    { title: 'Letter', date: '1792-03-04', legible: 3, language: 'Latin' },
  ],
})

async function describe({ frame, press, type }: Hands): Promise<void> {
  await press(labelled(frame, 'What do you see'))
  await type('A smudge')
  await press(submitIn(frame))
}

testTemplate({
  template: 'free-form',
  name: 'a form about a picture',
  settings: {},
  tasks: 1,
  ready: (frame) => frame.getByRole('img', { name: 'Galaxy 3' }).waitFor(),
  mouse: describe,
  touch: describe,
  async keyboard({ frame, keys, type, tabTo }) {
    await tabTo(labelled(frame, 'What do you see'))
    await type('A smudge')
    await tabTo(submitIn(frame))
    await keys('Enter')
  },
  stored: [{ what_do_you_see: 'A smudge' }],
})
