import { testTemplate } from '../../support/template-session.ts'
import type { Hands } from '../../support/template-session.ts'

const button = ({ frame }: Hands, name: string | RegExp) => frame.getByRole('button', { name, exact: true })

/** Both ends of a range and a moment at the positions that the buttons reach, then put right and tidied up. */
async function mark(hands: Hands): Promise<void> {
  const { frame, press, keys, type } = hands
  const pressAll = async (...names: string[]) => {
    for (const name of names) await press(button(hands, name))
  }
  await pressAll('Submit')
  await frame.getByText('Choose an answer.').waitFor()
  await pressAll('Owl', 'Warbler', 'Forward 5 s', 'Start here', 'Submit')
  await frame.getByText('End or cancel the range that you have started.').waitFor()
  await pressAll('Back 5 s', 'End here', 'Forward 5 s')
  await pressAll('Mark this moment', 'Mark this moment', 'Delete mark 3')
  await press(button(hands, /^1 Range, 0:00.0–0:05.0/))
  await press(frame.getByLabel('From, in seconds'))
  await keys('Control+a')
  await type('1.5')
  await keys('Tab')
  await frame.getByLabel('Label of mark 2').selectOption('Noise')
  await press(button(hands, 'Submit'))
}

async function markByKeys(hands: Hands): Promise<void> {
  const { frame, keys, tabTo, type } = hands
  const times = (key: string) => Array.from({ length: 5 }, () => key)
  await tabTo(button(hands, 'Start here'))
  await keys(
    '1',
    '2',
    ...times('ArrowRight'),
    'i',
    ...times('ArrowLeft'),
    'o',
    ...times('ArrowRight'),
    'm',
    'm',
  )
  await tabTo(button(hands, 'Delete mark 3'))
  await keys('Enter')
  await tabTo(button(hands, /^1 Range, 0:00.0–0:05.0/), 'Shift+Tab')
  await keys('Enter')
  await tabTo(frame.getByLabel('Label of mark 2'))
  await type('Noise')
  await tabTo(frame.getByLabel('From, in seconds'))
  await keys('Control+a')
  await type('1.5')
  await tabTo(button(hands, 'Submit'))
  await keys('Enter')
}

const settings = {
  task: 'both',
  choices: ['Owl', 'Warbler'],
  marks: 'both',
  labels: ['Call', 'Noise'],
}
const marks = [
  { type: 'range', start: 1.5, end: 5, label: 'Call' },
  { type: 'moment', at: 5, label: 'Noise' },
]

testTemplate({
  template: 'audio',
  settings,
  tasks: 1,
  ready: (frame) => frame.getByRole('img', { name: 'Waveform' }).waitFor(),
  mouse: mark,
  touch: mark,
  keyboard: markByKeys,
  stored: [{ answer: 'Warbler', marks, duration: 6 }],
})

testTemplate({
  template: 'video',
  settings,
  tasks: 1,
  ready: (frame) => frame.locator('.task[data-state="ready"]').waitFor(),
  mouse: mark,
  touch: mark,
  keyboard: markByKeys,
  stored: [{ answer: 'Warbler', marks, duration: 6 }],
})
