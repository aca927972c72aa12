import { testTemplate } from '../../support/template-session.ts'
import type { Hands } from '../../support/template-session.ts'

const [MONDAY, TUESDAY] = ['Monday. Clear sky.', 'Tuesday. Fog until ten.']

const button = ({ frame }: Hands, name: string) => frame.getByRole('button', { name, exact: true })
const text = ({ frame }: Hands, page: number) => frame.getByLabel(`Text of page ${page}`)
const page = ({ frame }: Hands, nth: number) => frame.getByRole('img', { name: `Page ${nth} of 3` })

async function leafAndWrite(hands: Hands): Promise<void> {
  const { frame, press, type } = hands
  await press(button(hands, 'Submit'))
  await frame.getByText('Choose an answer.').waitFor()
  await press(button(hands, 'Sun'))
  await press(button(hands, 'Fog'))
  await press(button(hands, 'Submit'))
  await frame.getByText('Write down a page, or tick “There is nothing to write down”.').waitFor()
  await press(button(hands, 'Next'))
  await page(hands, 2).waitFor()
  await press(text(hands, 2))
  await type(TUESDAY)
  await press(button(hands, 'Zoom in'))
  await press(button(hands, 'Previous'))
  await page(hands, 1).waitFor()
  await press(text(hands, 1))
  await type(MONDAY)
  await frame.getByText('Written so far: page 1, 2').waitFor()
  await press(button(hands, 'Submit'))
}

testTemplate({
  template: 'pdf',
  settings: { task: 'both', choices: ['Fog', 'Sun'] },
  tasks: 1,
  ready: (frame) => frame.getByRole('img', { name: 'Page 1 of 3' }).waitFor(),
  mouse: leafAndWrite,
  touch: leafAndWrite,
  async keyboard(hands) {
    const { frame, keys, tabTo, type } = hands
    await tabTo(button(hands, 'Next'))
    await keys('1', 'PageDown')
    await page(hands, 2).waitFor()
    await tabTo(text(hands, 2))
    await type(TUESDAY)
    await tabTo(frame.getByRole('spinbutton'), 'Shift+Tab')
    await keys('Control+a', '1', 'Tab')
    await page(hands, 1).waitFor()
    await tabTo(text(hands, 1))
    await type(MONDAY)
    await tabTo(button(hands, 'Submit'))
    await keys('Enter')
  },
  stored: [
    {
      answer: 'Fog',
      pages: [
        { page: 1, text: MONDAY },
        { page: 2, text: TUESDAY },
      ],
      pageCount: 3,
    },
  ],
})
