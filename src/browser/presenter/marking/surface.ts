import {
  circleMarker,
  divIcon,
  layerGroup,
  map as createMap,
  marker,
  polygon,
  polyline,
  type CRS,
  type LatLng,
  type LatLngTuple,
  type Layer,
  type Map as LeafletMap,
  type Point,
} from 'leaflet'
import { filled } from '../../../lib/contribute-strings.ts'
import { element } from '../elements.ts'
import { createCrosshair, stepOf } from './crosshair.ts'
import type { MarkingWords } from '../../../lib/templates/marking-words.ts'
import { cornersOf } from './sketch.ts'
import type { Mark, Position, Shape } from './sketch.ts'

/** Between the places of two presses that mean the same place. */
const SAME_PLACE_PX = 14
const HANDLE_PX = 28
const STEP_GROWTH_MAX = 100

export interface SurfaceOptions {
  words: MarkingWords
  crs?: CRS
  toLatLng(position: Position): LatLngTuple
  toPosition(place: LatLng): Position
  /** A place in words. */
  spoken(position: Position): string
  /** The place that the map has is another one. */
  onResize(): void
  onPress(position: Position): void
  onPick(markId: number): void
  onHandlePress(index: number): void
  onHandleMove(index: number, position: Position): void
}

export interface Surface {
  readonly root: HTMLElement
  readonly map: LeafletMap
  /** Shows these shapes and no others; those of `isPickable` take presses themselves. */
  draw(view: SurfaceView): void
  isSamePlace(one: Position, other: Position): boolean
}

export interface SurfaceView {
  marks: readonly Mark[]
  selectedId: number | undefined
  sketch: Shape | undefined
  isPickable: boolean
}

/** A picture or map that can be moved and zoomed, on which presses and keys name places and shapes are shown. */
export function createSurface(options: SurfaceOptions): Surface {
  const { words, toLatLng, toPosition } = options
  const canvas = element('div', {
    class: 'surface-map',
    role: 'application',
    tabindex: '0',
    'aria-label': words.surface,
    'aria-description': words.surfaceKeys,
  })
  const root = element('div', { class: 'surface' }, canvas)
  const map = createMap(canvas, {
    attributionControl: false,
    zoomControl: false,
    // Until there is something to show.
    center: [0, 0],
    zoom: 0,
    keyboard: false,
    doubleClickZoom: false,
    boxZoom: false,
    trackResize: false,
    // A finger that rests is a press like another.
    tapHold: false,
    // Tiles are sharp at whole zooms only; a picture fits its place at any.
    ...(options.crs && { crs: options.crs, zoomSnap: 0 }),
    ...(matchMedia('(prefers-reduced-motion: reduce)').matches && {
      zoomAnimation: false,
      fadeAnimation: false,
      inertia: false,
    }),
  })
  const shapes = layerGroup().addTo(map)
  const handles = layerGroup().addTo(map)
  let handlesOf: string | undefined
  let shownHandles: ReturnType<typeof handleAt>[] = []

  createCrosshair(map, canvas, {
    spoken: (place) => options.spoken(toPosition(place)),
    onPress: (place) => {
      options.onPress(toPosition(place))
    },
  })
  map.on('click', ({ latlng }) => {
    options.onPress(toPosition(latlng))
  })
  new ResizeObserver(options.onResize).observe(canvas)

  function handleAt(index: number, count: number, position: Position) {
    const icon = divIcon({ className: 'mark-handle', iconSize: [HANDLE_PX, HANDLE_PX] })
    const handle = marker(toLatLng(position), { icon, draggable: true, zIndexOffset: 1000 })
    const name = (at: Position) =>
      filled(words.handle, { index: String(index + 1), count: String(count), place: options.spoken(at) })
    const move = (at: LatLng) => {
      options.onHandleMove(index, toPosition(at))
    }
    handle.on('drag', () => {
      move(handle.getLatLng())
    })
    handle.on('click', () => {
      options.onHandlePress(index)
    })
    handle.on('add', () => {
      const shown = handle.getElement()
      shown?.setAttribute('aria-label', name(position))
      shown?.addEventListener('keydown', (event) => {
        const step = stepOf(event)
        if (!step) return
        event.preventDefault()
        event.stopPropagation()
        options.onHandleMove(index, stepped(handle.getLatLng(), step))
      })
    })
    return {
      handle,
      place(at: Position) {
        handle.setLatLng(toLatLng(at))
        handle.getElement()?.setAttribute('aria-label', name(at))
      },
    }
  }

  /** The next place in a direction: where a pixel of the medium fills many of the screen, small steps are larger. */
  function stepped(from: LatLng, step: Point): Position {
    const start = map.latLngToContainerPoint(from)
    const before = toPosition(from)
    for (let times = 1; times < STEP_GROWTH_MAX; times += 1) {
      const next = toPosition(map.containerPointToLatLng(start.add(step.multiplyBy(times))))
      if (next[0] !== before[0] || next[1] !== before[1]) return next
    }
    return before
  }

  function drawHandles(selected: Mark | undefined): void {
    const key = selected && `${selected.id}-${selected.positions.length}`
    // The same elements stay, so that the keyboard's focus stays on the handle that it moves.
    if (key !== handlesOf) {
      handles.clearLayers()
      shownHandles = (selected?.positions ?? []).map((position, index, { length }) =>
        handleAt(index, length, position),
      )
      for (const { handle } of shownHandles) handle.addTo(handles)
      handlesOf = key
    }
    for (const [index, position] of (selected?.positions ?? []).entries())
      shownHandles[index]?.place(position)
  }

  function drawMark(mark: Mark, number: number, { selectedId, isPickable }: SurfaceView): void {
    const layer = layerOf(mark, mark.id === selectedId ? ['is-selected'] : [], isPickable)
    layer.bindTooltip(String(number), { permanent: true, direction: 'center', className: 'mark-number' })
    layer.on('click', () => {
      options.onPick(mark.id)
    })
    layer.addTo(shapes)
  }

  function layerOf({ kind, positions }: Shape, classes: readonly string[], interactive: boolean): Layer {
    const places = (kind === 'box' ? cornersOf(positions) : positions).map(toLatLng)
    const [first] = places
    const isLine = kind === 'line' || (kind === 'area' && places.length === 2)
    const className = ['mark-shape', ...classes, ...(isLine ? ['is-line'] : [])].join(' ')
    const style = { className, interactive, bubblingMouseEvents: false, weight: 3 }
    if (first && positions.length === 1) return circleMarker(first, { ...style, radius: 7 })
    return isLine ? polyline(places, style) : polygon(places, style)
  }

  return {
    root,
    map,
    draw(view) {
      shapes.clearLayers()
      for (const [index, mark] of view.marks.entries()) drawMark(mark, index + 1, view)
      if (view.sketch) {
        layerOf(view.sketch, ['is-sketch'], false).addTo(shapes)
        // Each place of the sketch, for a box's first corner and an outline's ends to be seen.
        for (const position of view.sketch.positions) {
          layerOf({ kind: 'point', positions: [position] }, ['is-sketch'], false).addTo(shapes)
        }
      }
      drawHandles(view.marks.find((mark) => mark.id === view.selectedId))
    },
    isSamePlace(one, other) {
      const at = (position: Position): Point => map.latLngToContainerPoint(toLatLng(position))
      return at(one).distanceTo(at(other)) < SAME_PLACE_PX
    },
  }
}
