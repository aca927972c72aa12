import assert from 'node:assert/strict'
import type { FrameLocator, Locator } from 'playwright-core'
import type { Hands } from './template-session.ts'

/** Where things are that people mark: by eye for those who press, by what is said for those who do not. */
export interface MarkingHands {
  button(name: string | RegExp): Locator
  /** A press at a place, in the units of the picture. */
  pressAt(x: number, y: number): Promise<void>
  /** Enter at a place, once arrow keys have moved the crosshair there. */
  enterAt(x: number, y: number): Promise<void>
}

/** Where a place's two numbers stand in what is said, and whether the second one grows upwards. */
export interface SpokenPlace {
  order: readonly [number, number]
  isUpwards: boolean
}

const ON_PICTURES: SpokenPlace = { order: [0, 1], isUpwards: false }

/** @param placeOf where a place of the picture is in the drawing area, in pixels of the screen. */
export function markingHands(
  { frame, keys, press, tabTo }: Hands,
  surface: Locator,
  placeOf: (x: number, y: number) => Promise<{ x: number; y: number }>,
  spoken = ON_PICTURES,
): MarkingHands {
  return {
    button: (name) => frame.getByRole('button', { name, exact: true }),
    async pressAt(x, y) {
      await press(surface, await placeOf(x, y))
    },
    async enterAt(x, y) {
      await tabTo(surface)
      await moveCrosshair({ frame, keys }, spoken, x, y)
      await keys('Enter')
    },
  }
}

/** As somebody does who hears where the crosshair is: big steps first, small ones then. */
async function moveCrosshair(
  { frame, keys }: Pick<Hands, 'frame' | 'keys'>,
  { order, isUpwards }: SpokenPlace,
  x: number,
  y: number,
): Promise<void> {
  // Any step, to hear the first place.
  await keys('ArrowLeft')
  const [less, more] = isUpwards ? ['ArrowDown', 'ArrowUp'] : ['ArrowUp', 'ArrowDown']
  for (const axis of [
    { place: order[0], wanted: x, less: 'ArrowLeft', more: 'ArrowRight' },
    { place: order[1], wanted: y, less, more },
  ]) {
    for (const shift of ['', 'Shift+']) {
      let from = await heard(frame, axis.place)
      const grows = from < axis.wanted
      while (from !== axis.wanted && from < axis.wanted === grows) {
        await keys(shift + (grows ? axis.more : axis.less))
        from = await heard(frame, axis.place)
      }
    }
  }
}

async function heard(frame: FrameLocator, place: number): Promise<number> {
  const text = await frame.locator('.surface .announcer').innerText()
  const number = [...text.matchAll(/-?\d+(?:\.\d+)?/g)].map(Number)[place]
  assert.ok(number !== undefined, `No place in “${text}”`)
  return number
}
