import { CRS, imageOverlay } from 'leaflet'
import type { ImageOverlay, LatLng, LatLngBoundsLiteral, LatLngTuple } from 'leaflet'
import type { JsonObject } from '../../../lib/bridge.ts'
import { filled } from '../../../lib/contribute-strings.ts'
import { imageRegions } from '../../../lib/templates/image-regions.ts'
import { createMarking } from '../marking/marking.ts'
import { cornersOf } from '../marking/sketch.ts'
import type { Mark, Position, ShapeKind } from '../marking/sketch.ts'
import { mediaName, mediaUrl } from '../parts/media-url.ts'
import { createPictureLoader } from '../parts/picture-loader.ts'
import { registerTool } from '../tool.ts'

/** One pixel of the picture fills at most so many of the screen. */
const ENLARGED_MAX = 4

/** A picture under Leaflet, which moves and zooms it: one pixel of the picture is one unit of its plane. */
registerTool(imageRegions, ({ pictureColumn, shapes, labels }, around) => {
  const { strings, words, siteUrl } = around
  const loader = createPictureLoader(strings)
  let shown: { overlay: ImageOverlay; width: number; height: number } | undefined
  let turn = 0

  const marking = createMarking({
    words,
    kinds: shapes === 'any' ? ['box', 'point', 'area'] : [shapes satisfies ShapeKind],
    labels,
    crs: CRS.Simple,
    toLatLng: ([x, y]): LatLngTuple => [-y, x],
    toPosition: ({ lat, lng }: LatLng): Position => [
      within(lng, shown?.width ?? 0),
      within(-lat, shown?.height ?? 0),
    ],
    spoken: ([x, y]) => filled(words.place, { x: String(x), y: String(y) }),
    showWhole,
    changed: around.changed,
  })
  const { map } = marking

  function showWhole(): void {
    if (!shown) return
    const { width, height } = shown
    const bounds: LatLngBoundsLiteral = [
      [-height, 0],
      [0, width],
    ]
    map.setMinZoom(-10)
    map.fitBounds(bounds, { animate: false, maxZoom: ENLARGED_MAX })
    map.setMinZoom(map.getZoom() - 1)
    map.setMaxZoom(Math.max(map.getZoom(), 0) + ENLARGED_MAX)
  }

  function clear(): void {
    turn += 1
    shown?.overlay.remove()
    shown = undefined
    marking.clear()
  }

  return {
    root: marking.root,
    controls: marking.list,
    layout: 'beside',
    async show({ info }) {
      clear()
      const ownTurn = turn
      const image = await loader.load(mediaUrl(info, pictureColumn, siteUrl))
      if (ownTurn !== turn) return
      const { naturalWidth: width, naturalHeight: height } = image
      const overlay = imageOverlay(
        image.src,
        [
          [-height, 0],
          [0, width],
        ],
        {
          alt: mediaName(info) ?? strings.pictureAlt,
        },
      )
      shown = { overlay, width, height }
      overlay.addTo(map)
      marking.showWhole()
    },
    read() {
      const reading = marking.read()
      if ('missing' in reading) return reading
      const { width = 0, height = 0 } = shown ?? {}
      return { info: { marks: reading.marks.map(storedMark), picture: { width, height } } }
    },
    preload({ info }) {
      loader.preload(mediaUrl(info, pictureColumn, siteUrl))
    },
    clear,
  }
})

/** In whole pixels of the picture, from its upper left corner. */
function storedMark({ kind, positions, label }: Mark): JsonObject {
  return { ...storedShape(kind, positions), ...(label !== null && { label }) }
}

function storedShape(kind: ShapeKind, positions: readonly Position[]): JsonObject {
  if (kind === 'area') return { type: 'polygon', points: positions.map(([x, y]) => [x, y]) }
  if (kind === 'point') {
    const [[x, y] = [0, 0]] = positions
    return { type: 'point', x, y }
  }
  const corners = cornersOf(positions)
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)]
  const [x, y] = [Math.min(...xs), Math.min(...ys)]
  return { type: 'box', x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y }
}

function within(value: number, size: number): number {
  return Math.round(Math.max(0, Math.min(value, size)))
}
