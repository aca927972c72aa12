import type { FrameLocator } from 'playwright-core'
import { testTemplate } from '../../support/template-session.ts'
import type { Hands } from '../../support/template-session.ts'

const sees = (frame: FrameLocator, nth: number) =>
  frame.getByRole('img', { name: `Galaxy ${nth}`, exact: true }).waitFor()
const choice = (frame: FrameLocator, name: string) => frame.getByRole('button', { name })

async function pressOne({ frame, press }: Hands): Promise<void> {
  await press(choice(frame, 'Spiral'))
  await sees(frame, 2)
  await press(choice(frame, 'Star'))
}

testTemplate({
  template: 'image-classification',
  name: 'one choice for a picture',
  settings: { choices: ['Spiral', 'Star'] },
  tasks: 2,
  ready: (frame) => sees(frame, 1),
  mouse: pressOne,
  touch: pressOne,
  async keyboard({ frame, keys }) {
    await keys('1')
    await sees(frame, 2)
    await keys('2')
  },
  stored: [{ answer: 'Spiral' }, { answer: 'Star' }],
})

async function pressSeveral({ frame, press, type }: Hands): Promise<void> {
  const submit = frame.getByRole('button', { name: 'Submit' })
  await press(submit)
  await frame.getByText('Choose at least one.').waitFor()
  await press(choice(frame, 'Dust'))
  await press(choice(frame, 'Arms'))
  await press(choice(frame, 'Bar'))
  await press(choice(frame, 'Bar'))
  await press(frame.getByText('Add a comment'))
  await press(frame.getByLabel('Comment', { exact: true }))
  await type('faint')
  await press(submit)
  await sees(frame, 2)
  await press(choice(frame, 'Bar'))
  await press(submit)
}

testTemplate({
  template: 'image-classification',
  name: 'several choices for a picture',
  settings: { choices: ['Arms', 'Bar', 'Dust'], multiple: true, commentBox: true },
  tasks: 2,
  ready: (frame) => sees(frame, 1),
  mouse: pressSeveral,
  touch: pressSeveral,
  async keyboard({ frame, keys, tabTo, type }) {
    await tabTo(frame.getByRole('button', { name: 'Submit' }))
    await keys('Enter')
    await frame.getByText('Choose at least one.').waitFor()
    await keys('3', '1', '2')
    // Whichever has the focus: the first choice has it now.
    await tabTo(choice(frame, 'Bar'))
    await keys('Space')
    await tabTo(frame.getByText('Add a comment'))
    await keys('Enter')
    await tabTo(frame.getByLabel('Comment', { exact: true }))
    await type('faint')
    await tabTo(frame.getByRole('button', { name: 'Submit' }))
    await keys('Enter')
    await sees(frame, 2)
    // The question has the focus.
    await keys('2', 'Enter')
  },
  stored: [{ answer: ['Arms', 'Dust'], comment: 'faint' }, { answer: ['Bar'] }],
})
