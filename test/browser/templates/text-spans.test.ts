import type { FrameLocator } from 'playwright-core'
import { testTemplate } from '../../support/template-session.ts'
import type { Hands } from '../../support/template-session.ts'

const FIRST = 'Anna Weber left Bremen on 3 March.'
const SECOND = 'Nobody came, not even Bremen’s “great” Otto.'

const word = (frame: FrameLocator, text: string) => frame.locator('.word', { hasText: text }).first()
const submitIn = (frame: FrameLocator) => frame.getByRole('button', { name: 'Submit' })
const marked = (frame: FrameLocator, name: string) => frame.getByRole('button', { name: `Remove ${name}` })
const shows = (frame: FrameLocator, text: string) => frame.locator('.text', { hasText: text }).waitFor()

async function markByHand({ frame, press }: Hands): Promise<void> {
  await press(submitIn(frame))
  await frame.getByText('Mark at least one passage.').waitFor()
  await press(word(frame, 'Weber'))
  await press(word(frame, 'Anna'))
  await marked(frame, 'Person: Anna Weber').waitFor()
  await press(frame.getByLabel('Date'))
  await press(word(frame, 'Bremen'))
  await press(word(frame, 'March'))
  await press(marked(frame, 'Date: Bremen on 3 March'))
  await press(word(frame, '3'))
  await press(word(frame, 'March'))
  await press(frame.getByLabel('Place'))
  await press(word(frame, 'Bremen'))
  await press(word(frame, 'Bremen'))
  await marked(frame, 'Place: Bremen').waitFor()
  await press(submitIn(frame))
  await shows(frame, 'Otto')
  await press(frame.getByLabel('Person'))
  await press(word(frame, 'Otto'))
  await press(word(frame, 'Otto'))
  await press(submitIn(frame))
}

testTemplate({
  template: 'text-spans',
  settings: { mayBeNone: false },
  tasks: [{ text: FIRST }, { text: SECOND }],
  ready: (frame) => shows(frame, 'Anna'),
  mouse: markByHand,
  touch: markByHand,
  async keyboard({ frame, keys, tabTo }) {
    await tabTo(submitIn(frame))
    await keys('Enter')
    await frame.getByText('Mark at least one passage.').waitFor()
    // The message brings to the text.
    await keys('Enter', 'ArrowRight', 'Enter')
    await marked(frame, 'Person: Anna Weber').waitFor()
    await keys('3', 'End', 'Enter', 'ArrowLeft', 'Enter')
    await marked(frame, 'Date: 3 March').waitFor()
    await keys('2', 'ArrowLeft', 'Enter', 'Escape', 'ArrowLeft', 'Enter', 'Enter')
    await marked(frame, 'Place: Bremen').waitFor()
    await tabTo(submitIn(frame))
    await keys('Enter')
    await shows(frame, 'Otto')
    await tabTo(frame.locator('.text'))
    await keys('1', 'End', 'ArrowUp', 'ArrowDown', 'End', 'Enter', 'Enter')
    await tabTo(submitIn(frame))
    await keys('Enter')
  },
  stored: [
    {
      spans: [
        { start: 0, end: 10, text: 'Anna Weber', label: 'Person' },
        { start: 16, end: 22, text: 'Bremen', label: 'Place' },
        { start: 26, end: 33, text: '3 March', label: 'Date' },
      ],
    },
    { spans: [{ start: 39, end: 43, text: 'Otto', label: 'Person' }] },
  ],
})

async function selectByDoublePress({ frame }: Hands): Promise<void> {
  await word(frame, 'Weber').dblclick()
  await marked(frame, 'Person: Weber').waitFor()
  await submitIn(frame).click()
}

testTemplate({
  template: 'text-spans',
  name: 'a text that is selected as any text is',
  settings: {},
  tasks: [{ text: FIRST }],
  ready: (frame) => shows(frame, 'Anna'),
  mouse: selectByDoublePress,
  async touch({ frame, press }) {
    await press(word(frame, 'Weber'))
    await press(word(frame, 'Weber'))
    await press(submitIn(frame))
  },
  async keyboard({ frame, keys, tabTo }) {
    await tabTo(frame.locator('.text'))
    await keys('ArrowRight', 'Space', 'Space')
    await tabTo(submitIn(frame))
    await keys('Enter')
  },
  stored: [{ spans: [{ start: 5, end: 10, text: 'Weber', label: 'Person' }] }],
})
