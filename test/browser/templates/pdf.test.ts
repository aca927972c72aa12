import { before, describe, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { startTestApp } from '../../support/app.ts'
import type { TestApp } from '../../support/app.ts'
import { startChromium } from '../../support/chromium.ts'
import { eventually } from '../../support/jobs.ts'
import { contribute } from '../../support/contribution.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
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

const SCANS = {
  'as a fax is': {
    scan: scanOf('CCITTFaxDecode/DecodeParms<</K -1/Columns 64/Rows 64>>', whiteFax()),
    middle: '0,0,0,255',
  },
  'in JBIG2': { scan: scanOf('JBIG2Decode', whiteJbig2()), middle: '0,0,0,255' },
  'in JPEG 2000': { scan: scanOf('JPXDecode', greyJpeg2000()), middle: '128,128,128,255' },
}

describe('a page of a scanner is painted', () => {
  const ending = untilFileEnds()
  let site: TestApp
  let browser: Browser
  before(async () => {
    ;[site, browser] = await Promise.all([startTestApp(ending), startChromium(ending)])
  })

  for (const [packed, { scan, middle }] of Object.entries(SCANS)) {
    test(`packed ${packed}`, async (t) => {
      const settings = { question: 'What is it?', documentColumn: 'pdf', choices: ['A', 'B'] }
      const presenter = { kind: 'template', template: 'pdf', settings, tutorial: null } as const
      const infos = [{ pdf: `data:application/pdf;base64,${scan.toString('base64')}` }]
      const { frame } = await contribute(t, site, browser, { presenter, infos })
      await frame.locator('.task[data-state="ready"]').waitFor()
      await eventually(async () => {
        const painted = await frame.locator('canvas').evaluate((canvas: Canvas) => {
          const { width, height } = canvas
          return [...canvas.getContext('2d').getImageData(width / 2, height / 2, 1, 1).data]
        })
        return painted.join() === middle
      })
    })
  }
})

/** 64 × 64 in CCITT's fourth group: a bit a line says “as the line before”, which is white. */
function whiteFax(): Buffer {
  return Buffer.from([...Array.from({ length: 8 }, () => 0xff), 0x00, 0x10, 0x01])
}

/** The same in a page of JBIG2: what page it is, and a region that is packed as a fax. */
function whiteJbig2(): Buffer {
  const uint32 = (...values: number[]) =>
    values.flatMap((value) => [...Buffer.from([value >>> 24, value >>> 16, value >>> 8, value])])
  const segment = (number: number, type: number, data: number[]) => [
    ...uint32(number),
    type,
    0,
    1,
    ...uint32(data.length),
    ...data,
  ]
  const page = segment(0, 48, [...uint32(64, 64, 0, 0), 0, 0, 0])
  const region = segment(1, 38, [...uint32(64, 64, 0, 0), 0, 1, ...whiteFax()])
  return Buffer.from([...page, ...region])
}

/** One grey picture of 64 × 64 without a coefficient: a codestream of one packet, which is empty. */
function greyJpeg2000(): Buffer {
  return Buffer.from(
    [
      'ff4f', // start
      'ff510029 0000 00000040 00000040 00000000 00000000 00000040 00000040 00000000 00000000 0001 07 01 01', // size
      'ff52000c 00 00 0001 00 00 04 04 00 01', // coding: no levels, blocks of 64, the reversible transform
      'ff5c0004 40 40', // quantisation: none
      'ff90000a 0000 0000000f 00 01', // the only tile
      'ff93 00', // its packet
      'ffd9',
    ]
      .map((part) => part.replaceAll(' ', ''))
      .join(''),
    'hex',
  )
}

/** A document of one page, which a picture of 64 × 64 fills. @param filter how it is packed, with its parameters */
function scanOf(filter: string, picture: Buffer): Buffer {
  const paint = '200 0 0 200 0 0 cm /I Do'
  const bits = filter.startsWith('JPX') ? '' : '/ColorSpace/DeviceGray/BitsPerComponent 1'
  // Decode turns white into black.
  const decode = filter.startsWith('JPX') ? '' : '/Decode[1 0]'
  const about = `/Type/XObject/Subtype/Image/Width 64/Height 64${bits}${decode}/Filter/${filter}`
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
