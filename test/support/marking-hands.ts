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

/** @param placeOf where a place of the picture is in the drawing area, in pixels of the screen. */
export function markingHands(
  { frame, keys, press, tabTo }: Hands,
  surface: Locator,
  placeOf: (x: number, y: number) => Promise<{ x: number; y: number }>,
): MarkingHands {
  return {
    button: (name) => frame.getByRole('button', { name, exact: true }),
    async pressAt(x, y) {
      await press(surface, await placeOf(x, y))
    },
    async enterAt(x, y) {
      await tabTo(surface)
      await moveCrosshair(frame, keys, x, y)
      await keys('Enter')
    },
  }
}

/** As somebody does who hears where the crosshair is: big steps first, small ones then. */
async function moveCrosshair(frame: FrameLocator, keys: Hands['keys'], x: number, y: number): Promise<void> {
  // Any step, to hear the first place.
  await keys('ArrowLeft')
  for (const [axis, wanted, less, more] of [
    [0, x, 'ArrowLeft', 'ArrowRight'],
    [1, y, 'ArrowUp', 'ArrowDown'],
  ] as const) {
    for (const shift of ['', 'Shift+']) {
      let from = (await heard(frame))[axis]
      const key = shift + (from < wanted ? more : less)
      while (from < wanted === key.endsWith(more) && from !== wanted) {
        await keys(key)
        from = (await heard(frame))[axis]
      }
    }
  }
}

async function heard(frame: FrameLocator): Promise<[number, number]> {
  const text = await frame.locator('.surface .announcer').innerText()
  const [first, second] = [...text.matchAll(/-?\d+(?:\.\d+)?/g)].map(Number)
  assert.ok(first !== undefined && second !== undefined, `No place in “${text}”`)
  return [first, second]
}
