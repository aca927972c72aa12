import assert from 'node:assert/strict'
import { markingHands } from '../../support/marking-hands.ts'
import { testTemplate } from '../../support/template-session.ts'
import type { Hands } from '../../support/template-session.ts'

/** A picture of 100 × 100 pixels, each of them several of the screen, so that hands are exact to the pixel. */
const PICTURE = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100"><rect width="100" height="100" fill="#789"/></svg>',
)}`

const ADDED = [
  ['Point', [80, 20]],
  ['Outline', [20, 80], [40, 80], [30, 90], [20, 80]],
] as const

function handsOnPicture(hands: Hands) {
  const { frame } = hands
  const surface = frame.getByRole('application', { name: 'Picture to mark' })
  return markingHands(hands, surface, async (x, y) => {
    const [picture, around] = await Promise.all([
      frame.getByRole('img', { name: 'An apple' }).boundingBox(),
      surface.boundingBox(),
    ])
    assert.ok(picture && around)
    return {
      x: picture.x - around.x + (x / 100) * picture.width,
      y: picture.y - around.y + (y / 100) * picture.height,
    }
  })
}

async function mark(hands: Hands): Promise<void> {
  const { frame, press } = hands
  const { button, pressAt } = handsOnPicture(hands)
  await press(button('Submit'))
  await frame.getByText('Mark something, or tick “There is nothing to mark”.').waitFor()
  await pressAt(20, 20)
  await pressAt(60, 70)
  await frame.getByLabel('Label of the next mark').selectOption('Unripe')
  for (const [tool, ...places] of ADDED) {
    await press(button(tool))
    for (const [x, y] of places) await pressAt(x, y)
  }
  await pressAt(50, 50)
  await pressAt(60, 50)
  await press(button('Undo point'))
  await press(button('Submit'))
  await frame.getByText('Finish or cancel the shape that you are drawing.').waitFor()
  await press(button('Cancel'))
  await press(button('Select'))
  await pressAt(40, 45)
  await press(button(/^Point 2 of 2: x 60, y 70/))
  await pressAt(40, 70)
  await frame.getByLabel('Label of mark 3').selectOption('Ripe')
  await press(button('Point'))
  await pressAt(5, 5)
  await press(button('Delete mark 4'))
  await press(button('Submit'))
}

testTemplate({
  template: 'image-regions',
  settings: { shapes: 'any', labels: ['Ripe', 'Unripe'] },
  tasks: [{ picture: PICTURE, alt: 'An apple' }],
  ready: (frame) => frame.getByRole('img', { name: 'An apple' }).waitFor(),
  mouse: mark,
  touch: mark,
  async keyboard(hands) {
    const { frame, keys, tabTo, type } = hands
    const { button, enterAt } = handsOnPicture(hands)
    await enterAt(20, 20)
    await enterAt(60, 70)
    await tabTo(button(/^Point 2 of 2: x 60, y 70/))
    while ((await button(/^Point 2 of 2: x 40, y 70/).count()) === 0) await keys('Shift+ArrowLeft')
    await tabTo(frame.getByLabel('Label of the next mark'), 'Shift+Tab')
    await type('Unripe')
    for (const [tool, ...places] of ADDED) {
      await tabTo(button(tool), 'Shift+Tab')
      await keys('Enter')
      for (const [x, y] of places) await enterAt(x, y)
    }
    await enterAt(50, 50)
    await keys('Backspace')
    await enterAt(50, 50)
    await keys('Escape')
    await tabTo(frame.getByLabel('Label of mark 3'))
    await type('Ripe')
    await tabTo(button('Submit'))
    await keys('Enter')
  },
  stored: [
    {
      marks: [
        { type: 'box', x: 20, y: 20, width: 20, height: 50, label: 'Ripe' },
        { type: 'point', x: 80, y: 20, label: 'Unripe' },
        {
          type: 'polygon',
          points: [
            [20, 80],
            [40, 80],
            [30, 90],
          ],
          label: 'Ripe',
        },
      ],
      picture: { width: 100, height: 100 },
    },
  ],
})
