import { point } from 'leaflet'
import type { LatLng, Map as LeafletMap, Point } from 'leaflet'
import { element } from '../elements.ts'

const STEP_PX = 16
const FINE_STEP_PX = 1
/** Nearer to the edge the map moves along. */
const MARGIN_PX = 24

const DIRECTIONS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

/** What an arrow key moves, in pixels of the screen; Shift makes it small. Undefined for other keys. */
export function stepOf({ key, shiftKey, ctrlKey, altKey, metaKey }: KeyboardEvent): Point | undefined {
  const direction = DIRECTIONS[key]
  if (!direction || ctrlKey || altKey || metaKey) return undefined
  const size = shiftKey ? FINE_STEP_PX : STEP_PX
  return point(direction[0] * size, direction[1] * size)
}

export interface CrosshairOptions {
  spoken(place: LatLng): string
  onPress(place: LatLng): void
}

/** What a pointer does, by keys: while a map has the keyboard's focus, arrows move a crosshair and Enter presses. */
export function createCrosshair(map: LeafletMap, canvas: HTMLElement, options: CrosshairOptions): void {
  const cross = element('div', { class: 'crosshair', 'aria-hidden': 'true' })
  const said = element('p', { class: 'announcer', role: 'status' })
  let at = point(0, 0)
  let isPlaced = false
  canvas.parentElement?.append(cross, said)

  canvas.addEventListener('focus', () => {
    if (!isPlaced) moveTo(map.getSize().divideBy(2).round())
    isPlaced = true
  })
  canvas.addEventListener('keydown', (event) => {
    if (event.target === canvas && handle(event)) event.preventDefault()
  })
  map.on('resize', () => {
    moveTo(at)
  })

  function handle(event: KeyboardEvent): boolean {
    const step = stepOf(event)
    if (step) moveBy(step)
    else if (event.key === 'Enter' || event.key === ' ') {
      if (event.repeat) return true
      // Enter would submit the task as well.
      event.stopPropagation()
      options.onPress(map.containerPointToLatLng(at))
    } else if (event.key === '+' || event.key === '=')
      map.setZoomAround(at, map.getZoom() + 1, { animate: false })
    else if (event.key === '-') map.setZoomAround(at, map.getZoom() - 1, { animate: false })
    else return false
    return true
  }

  function moveBy(step: Point): void {
    const wanted = at.add(step)
    moveTo(wanted)
    // What the edge holds back of the step, the map moves.
    const rest = wanted.subtract(at)
    if (rest.x !== 0 || rest.y !== 0) map.panBy(rest, { animate: false })
    said.textContent = options.spoken(map.containerPointToLatLng(at))
  }

  function moveTo(wanted: Point): void {
    const { x, y } = map.getSize()
    at = point(within(wanted.x, x), within(wanted.y, y))
    cross.style.translate = `${at.x}px ${at.y}px`
  }
}

function within(value: number, size: number): number {
  return Math.max(MARGIN_PX, Math.min(value, size - MARGIN_PX))
}
