import assert from 'node:assert/strict'
import { isObject } from '../../../src/lib/bridge.ts'
import type { Json } from '../../../src/platform/schema.ts'
import { markingHands } from '../../support/marking-hands.ts'
import { testTemplate } from '../../support/template-session.ts'
import type { Hands } from '../../support/template-session.ts'

const ZOOM = 2
const WORLD_PX = 256 * 2 ** ZOOM
/** Two pixels. */
const NEAR_DEGREES = 0.8

function handsOnMap(hands: Hands) {
  const surface = hands.frame.getByRole('application', { name: 'Map to mark' })
  const placeOf = async (longitude: number, latitude: number) => {
    const box = await surface.boundingBox()
    assert.ok(box)
    const north = Math.log(Math.tan(Math.PI / 4 + (latitude * Math.PI) / 360))
    return {
      x: box.width / 2 + (longitude / 360) * WORLD_PX,
      y: box.height / 2 - (north / (2 * Math.PI)) * WORLD_PX,
    }
  }
  return markingHands(hands, surface, placeOf, { order: [1, 0], isUpwards: true })
}

const LINE = [
  [-40, 20],
  [-10, 20],
  [-10, 20],
] as const
/** Clockwise, and closed on its first point. */
const AREA = [
  [-30, -5],
  [0, -5],
  [0, -20],
  [-30, -5],
] as const

async function mark(hands: Hands): Promise<void> {
  const { press } = hands
  const { button, pressAt } = handsOnMap(hands)
  await pressAt(10, 10)
  await press(button('Line'))
  for (const [longitude, latitude] of LINE) await pressAt(longitude, latitude)
  await press(button('Area'))
  for (const [longitude, latitude] of AREA) await pressAt(longitude, latitude)
  await press(button('Submit'))
}

function assertNear(actual: unknown, expected: readonly (readonly [number, number])[]): void {
  assert.ok(Array.isArray(actual))
  assert.equal(actual.length, expected.length)
  for (const [index, [longitude, latitude]] of expected.entries()) {
    const place: unknown = actual[index]
    assert.ok(Array.isArray(place) && typeof place[0] === 'number' && typeof place[1] === 'number')
    const isNear =
      Math.abs(place[0] - longitude) < NEAR_DEGREES && Math.abs(place[1] - latitude) < NEAR_DEGREES
    assert.ok(isNear, `${place.join()} is not near ${longitude},${latitude}`)
  }
}

testTemplate({
  template: 'map',
  settings: {
    shapes: 'any',
    labels: ['Lake', 'Road'],
    attribution: 'A map of our own',
    latitude: 80,
    zoom: ZOOM,
  },
  tasks: [{ latitude: '0', longitude: 0 }],
  ready: (frame) => frame.locator('.task[data-state="ready"]').waitFor(),
  mouse: mark,
  touch: mark,
  async keyboard(hands) {
    const { keys, tabTo } = hands
    const { button, enterAt } = handsOnMap(hands)
    await enterAt(10, 10)
    await tabTo(button('Line'), 'Shift+Tab')
    await keys('Enter')
    await enterAt(-40, 20)
    await enterAt(-10, 20)
    await keys('Enter')
    await tabTo(button('Area'), 'Shift+Tab')
    await keys('Enter')
    for (const [longitude, latitude] of AREA) await enterAt(longitude, latitude)
    await tabTo(button('Submit'))
    await keys('Enter')
  },
  stored: ([info]) => {
    assert.ok(isObject(info) && isObject(info['geojson']) && Array.isArray(info['geojson']['features']))
    assert.equal(info['geojson']['type'], 'FeatureCollection')
    const features = info['geojson']['features'].filter(isObject)
    assert.deepEqual(
      features.map(({ properties }) => properties),
      [{ label: 'Lake' }, { label: 'Lake' }, { label: 'Lake' }],
    )
    const coordinates = (nth: number, type: string): Json | undefined => {
      const geometry = features[nth]?.['geometry']
      assert.ok(isObject(geometry) && geometry['type'] === type)
      return geometry['coordinates']
    }
    assertNear([coordinates(0, 'Point')], [[10, 10]])
    assertNear(coordinates(1, 'LineString'), LINE.slice(0, 2))
    // The other way round, as GeoJSON wants it.
    const [ring] = coordinates(2, 'Polygon') as Json[]
    assertNear(ring, [
      [0, -20],
      [0, -5],
      [-30, -5],
      [0, -20],
    ])
  },
})
