import { LABELS } from './shared-fields.ts'
import type { JsonObject } from '../bridge.ts'
import { MARKING_WORDS } from './marking-words.ts'
import { defineTemplate } from './template.ts'

/**
 * Points, lines and areas on a map whose tiles are the owner's. Stores `{"geojson": FeatureCollection}` with longitude
 * before latitude, and each label as the property `label`.
 */
export const map = defineTemplate({
  id: 'map',
  exportFormats: ['geojson'],
  name: 'Map',
  description: 'Points, lines and areas on a map, each with a label if you want.',
  icon: 'M3 7l12-4 18 6 12-4v22l-12 4-18-6-12 4zM15 3v22M33 9v22',
  fields: [
    {
      kind: 'choice',
      name: 'shapes',
      label: 'What people draw',
      default: 'point',
      options: [
        { value: 'point', label: 'Points' },
        { value: 'line', label: 'Lines' },
        { value: 'area', label: 'Areas' },
        { value: 'any', label: 'All three' },
      ],
    },
    LABELS,
    {
      kind: 'text',
      name: 'tileUrl',
      label: 'Address of the map tiles',
      hint: 'With {z}, {x} and {y} in it, such as https://tiles.example.org/{z}/{x}/{y}.png. Ask whoever runs them whether your project may use them.',
      missing: 'Write the address of the map tiles, with {z}, {x} and {y} in it.',
      // Of an island that is not, for the sample tasks.
      default: '/media/samples/map/tile-{z}-{x}-{y}.webp',
      required: true,
      charsMax: 500,
    },
    {
      kind: 'text',
      name: 'attribution',
      label: 'Whose map it is (optional)',
      hint: 'Stands on the map, such as © OpenStreetMap contributors. Most tiles ask for it.',
      default: '',
      required: false,
      charsMax: 200,
    },
    {
      kind: 'number',
      name: 'tileZoomMax',
      label: 'Greatest zoom that the tiles have',
      default: 19,
      required: true,
      min: 0,
      max: 24,
    },
    {
      kind: 'number',
      name: 'latitude',
      label: 'Latitude of the middle',
      hint: 'Where tasks start that have no place of their own.',
      default: 0,
      required: true,
      min: -85,
      max: 85,
    },
    {
      kind: 'number',
      name: 'longitude',
      label: 'Longitude of the middle',
      default: 0,
      required: true,
      min: -180,
      max: 180,
    },
    { kind: 'number', name: 'zoom', label: 'Zoom at the start', default: 2, required: true, min: 0, max: 24 },
    {
      kind: 'column',
      name: 'latitudeColumn',
      label: 'Column with the latitude (optional)',
      hint: 'Each task then starts at a place of its own.',
      default: 'latitude',
      required: false,
      holds: 'place',
    },
    {
      kind: 'column',
      name: 'longitudeColumn',
      label: 'Column with the longitude (optional)',
      default: 'longitude',
      required: false,
      holds: 'place',
    },
  ],
  words: {
    ...MARKING_WORDS,
    area: 'Area',
    surface: 'Map to mark',
    whole: 'Back to the start',
    place: 'latitude {latitude}, longitude {longitude}',
    failed: 'The map could not be loaded.',
  },
  check: checkTileUrl,
})

function checkTileUrl({ tileUrl }: JsonObject): Record<string, string> {
  const url = typeof tileUrl === 'string' ? tileUrl : ''
  const lacking = ['{z}', '{x}', '{y}'].filter((part) => !url.includes(part))
  if (lacking.length > 0) return { tileUrl: `The address lacks ${lacking.join(' and ')}.` }
  return /^(https?:\/)?\//.test(url) ? {} : { tileUrl: 'The address begins with https://.' }
}
