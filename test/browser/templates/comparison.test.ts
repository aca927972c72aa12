import type { FrameLocator, Page } from 'playwright-core'
import { eventually } from '../../support/jobs.ts'
import { testTemplate } from '../../support/template-session.ts'
import type { Hands } from '../../support/template-session.ts'

const button = (frame: FrameLocator, name: string) => frame.getByRole('button', { name })
const sees = (frame: FrameLocator, name: string) => frame.getByRole('img', { name, exact: true }).waitFor()
const reads = (frame: FrameLocator, text: string) => frame.getByText(text, { exact: true }).waitFor()

async function pressPictures({ frame, press }: Hands): Promise<void> {
  await press(button(frame, 'Choose B'))
  await sees(frame, 'Galaxy 8')
  await press(button(frame, 'No difference'))
  await sees(frame, 'Galaxy 16')
  await press(button(frame, 'Choose A'))
}

testTemplate({
  template: 'comparison',
  name: 'a comparison of pictures',
  settings: {},
  tasks: 3,
  ready: (frame) => sees(frame, 'Galaxy 2'),
  mouse: pressPictures,
  touch: pressPictures,
  async keyboard({ frame, keys, tabTo }) {
    await keys('2')
    await sees(frame, 'Galaxy 8')
    await keys('3')
    await sees(frame, 'Galaxy 16')
    await tabTo(button(frame, 'Choose A'))
    await keys('Enter')
  },
  stored: [{ answer: 'b' }, { answer: 'same' }, { answer: 'a' }],
})

async function pressTexts({ frame, press }: Hands): Promise<void> {
  await press(button(frame, 'Choose A'))
  await reads(frame, 'a colour')
  await press(button(frame, 'Choose B'))
}

testTemplate({
  template: 'comparison',
  name: 'a comparison of texts',
  settings: { kind: 'text', columnA: 'one', columnB: 'two', mayBeSame: false },
  tasks: [
    { one: 'the grey cat', two: 'the gray cat' },
    { one: 'a color', two: 'a colour' },
  ],
  ready: (frame) => reads(frame, 'the gray cat'),
  mouse: pressTexts,
  touch: pressTexts,
  async keyboard({ frame, keys, tabTo }) {
    await tabTo(button(frame, 'Choose B'))
    await keys('3', 'ArrowLeft')
    await reads(frame, 'a colour')
    await keys('ArrowRight')
  },
  stored: [{ answer: 'a' }, { answer: 'b' }],
})

const SOUNDS = { first: '/media/samples/comparison/low.wav', second: '/media/samples/comparison/high.wav' }

async function hasPlayed(page: Page, name: string): Promise<boolean> {
  const time = `document.querySelector('audio[aria-label="${name}"]').currentTime`
  return ((await page.frames().at(-1)?.evaluate<number>(time)) ?? 0) > 0
}

testTemplate({
  template: 'comparison',
  name: 'a comparison of sounds',
  settings: { kind: 'sound' },
  tasks: [SOUNDS],
  ready: (frame) => frame.locator('.task[data-state=ready] audio').nth(1).waitFor(),
  async mouse({ frame, press }) {
    await press(button(frame, 'Choose B'))
  },
  async touch({ frame, press }) {
    await press(button(frame, 'Choose B'))
  },
  async keyboard({ frame, page, keys, tabTo }) {
    await tabTo(button(frame, 'Choose A'))
    await keys('b')
    await eventually(() => hasPlayed(page, 'Sound B'))
    await keys('2')
  },
  stored: [{ answer: 'b' }],
})
