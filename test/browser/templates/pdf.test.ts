import { test } from 'node:test'
import { startTestApp } from '../../support/app.ts'
import { startChromium } from '../../support/chromium.ts'
import { eventually } from '../../support/jobs.ts'
import { contribute } from '../../support/contribution.ts'
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

interface Canvas {
  width: number
  height: number
  getContext(kind: '2d'): {
    getImageData(x: number, y: number, width: number, height: number): { data: Iterable<number> }
  }
}

test('a page of a scanner, packed as a fax is, is painted', async (t) => {
  const [site, browser] = await Promise.all([startTestApp(t), startChromium(t)])
  const settings = { question: 'What is it?', documentColumn: 'pdf', choices: ['A', 'B'] }
  const presenter = { kind: 'template', template: 'pdf', settings, tutorial: null } as const
  const infos = [{ pdf: `data:application/pdf;base64,${blackFax().toString('base64')}` }]
  const { frame } = await contribute(t, site, browser, { presenter, infos })
  await frame.locator('.task[data-state="ready"]').waitFor()
  await eventually(async () => {
    const middle = await frame.locator('canvas').evaluate((canvas: Canvas) => {
      const { width, height } = canvas
      return [...canvas.getContext('2d').getImageData(width / 2, height / 2, 1, 1).data]
    })
    return middle.join() === '0,0,0,255'
  })
})

/** A document of one page, which a CCITT picture of 64 × 64 fills: a bit a line says “as the line before”, white. */
function blackFax(): Buffer {
  const picture = Buffer.from([...Array.from({ length: 8 }, () => 0xff), 0x00, 0x10, 0x01])
  const paint = '200 0 0 200 0 0 cm /I Do'
  // Decode turns white into black.
  const about =
    '/Type/XObject/Subtype/Image/Width 64/Height 64/ColorSpace/DeviceGray/BitsPerComponent 1/Decode[1 0]' +
    '/Filter/CCITTFaxDecode/DecodeParms<</K -1/Columns 64/Rows 64>>'
  return Buffer.concat([
    Buffer.from(`%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>>>endobj
4 0 obj<</Length ${paint.length}>>stream
${paint}
endstream endobj
5 0 obj<<${about}/Length ${picture.length}>>stream
`),
    picture,
    Buffer.from('\nendstream endobj\ntrailer<</Root 1 0 R>>'),
  ])
}
