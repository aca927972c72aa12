import { tileLayer } from 'leaflet'
import type { LatLngTuple, TileLayer } from 'leaflet'
import type { JsonObject } from '../../../lib/bridge.ts'
import { isObject } from '../../../lib/bridge.ts'
import { filled } from '../../../lib/contribute-strings.ts'
import { map as mapTemplate } from '../../../lib/templates/map.ts'
import { element } from '../elements.ts'
import { createMarking } from '../marking/marking.ts'
import type { Mark, Position, ShapeKind } from '../marking/sketch.ts'
import { MediaError, registerTool } from '../tool.ts'

/** About a tenth of a metre. */
const DECIMALS = 1e6
const SPOKEN_DECIMALS = 4
/** Beyond the tiles' own zoom they are enlarged. */
const ENLARGED_ZOOMS = 3

registerTool(mapTemplate, (settings, { words, siteUrl, changed }) => {
  let start: { centre: LatLngTuple; zoom: number } = startOf({})
  const marking = createMarking({
    words,
    kinds: settings.shapes === 'any' ? ['point', 'line', 'area'] : [settings.shapes satisfies ShapeKind],
    labels: settings.labels,
    toLatLng: ([longitude, latitude]) => [latitude, longitude],
    toPosition(place) {
      const { lat, lng } = place.wrap()
      return [rounded(lng), rounded(lat)]
    },
    spoken: ([longitude, latitude]) =>
      filled(words.place, {
        latitude: latitude.toFixed(SPOKEN_DECIMALS),
        longitude: longitude.toFixed(SPOKEN_DECIMALS),
      }),
    showWhole: showStart,
    changed,
  })
  const { map } = marking
  const tiles = tileLayer(settings.tileUrl.startsWith('/') ? siteUrl + settings.tileUrl : settings.tileUrl, {
    maxNativeZoom: settings.tileZoomMax,
    maxZoom: settings.tileZoomMax + ENLARGED_ZOOMS,
  })
  if (settings.attribution !== '') {
    marking.root.append(element('p', { class: 'attribution' }, settings.attribution))
  }

  function startOf(info: unknown): { centre: LatLngTuple; zoom: number } {
    const latitude = numberIn(info, settings.latitudeColumn) ?? settings.latitude
    const longitude = numberIn(info, settings.longitudeColumn) ?? settings.longitude
    return { centre: [latitude, longitude], zoom: settings.zoom }
  }

  function showStart(): void {
    map.setView(start.centre, start.zoom, { animate: false })
  }

  return {
    root: marking.root,
    controls: marking.list,
    layout: 'beside',
    async show({ info }) {
      marking.clear()
      start = startOf(info)
      tiles.remove()
      marking.showWhole()
      const arrival = arrivalOf(tiles)
      tiles.addTo(map)
      await arrival.catch(() => {
        throw new MediaError(words.failed)
      })
    },
    read() {
      const reading = marking.read()
      if ('missing' in reading) return reading
      return { info: { geojson: { type: 'FeatureCollection', features: reading.marks.map(featureOf) } } }
    },
    clear() {
      marking.clear()
    },
  }
})

/** Resolves with the first tile; rejects when none of those on the screen comes. */
function arrivalOf(tiles: TileLayer): Promise<void> {
  return new Promise((resolve, reject) => {
    tiles.off('tileload load')
    tiles.once('tileload', () => {
      resolve()
    })
    tiles.once('load', () => {
      reject(new Error('No tile has come'))
    })
  })
}

function featureOf({ kind, positions, label }: Mark): JsonObject {
  return {
    type: 'Feature',
    geometry: geometryOf(kind, positions),
    properties: label === null ? {} : { label },
  }
}

function geometryOf(kind: ShapeKind, positions: readonly Position[]): JsonObject {
  const coordinates = positions.map(([longitude, latitude]) => [longitude, latitude])
  const [first = []] = coordinates
  if (kind === 'point') return { type: 'Point', coordinates: first }
  if (kind === 'line') return { type: 'LineString', coordinates }
  // Closed and anticlockwise, as RFC 7946 wants its rings.
  const ring = isClockwise(positions) ? coordinates.toReversed() : coordinates
  return { type: 'Polygon', coordinates: [[...ring, ring[0] ?? []]] }
}

function isClockwise(positions: readonly Position[]): boolean {
  const areas = positions.map(([x1, y1], index) => {
    const [x2, y2] = positions[(index + 1) % positions.length] ?? [x1, y1]
    return (x2 - x1) * (y2 + y1)
  })
  return areas.reduce((sum, area) => sum + area, 0) > 0
}

function rounded(degrees: number): number {
  return Math.round(degrees * DECIMALS) / DECIMALS
}

/** A number of a task's column, also when it was imported as text. */
function numberIn(info: unknown, column: string): number | undefined {
  const value = isObject(info) && column !== '' ? info[column] : undefined
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}
