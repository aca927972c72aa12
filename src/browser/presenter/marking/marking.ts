import type { CRS, LatLng, LatLngTuple, Map as LeafletMap } from 'leaflet'
import { filled } from '../../../lib/contribute-strings.ts'
import type { MarkingWords } from '../../../lib/templates/marking-words.ts'
import { element } from '../elements.ts'
import { signButton, textButton } from '../parts/buttons.ts'
import { createMarkList } from './mark-list.ts'
import { canFinish, isComplete } from './sketch.ts'
import type { Mark, Position, Shape, ShapeKind } from './sketch.ts'
import { createSurface } from './surface.ts'

export interface MarkingOptions {
  words: MarkingWords
  kinds: readonly ShapeKind[]
  labels: readonly string[]
  crs?: CRS
  toLatLng(position: Position): LatLngTuple
  toPosition(place: LatLng): Position
  spoken(position: Position): string
  /** Moves the map to where a task starts. */
  showWhole(map: LeafletMap): void
  changed(): void
}

export interface Marking {
  /** The picture or map with its tools. */
  readonly root: HTMLElement
  /** The marks in words. */
  readonly list: HTMLElement
  readonly map: LeafletMap
  /** What was marked, or what is still to be done; nobody has to mark anything who says that there is nothing. */
  read(): { marks: readonly Mark[] } | { missing: string; focus?: HTMLElement | undefined }
  /** Shows where the task starts. */
  showWhole(): void
  clear(): void
}

/**
 * Marks on a picture or a map, each made by presses one after the other and never by dragging: by mouse, by touch, or
 * by keys that move a crosshair. All of them are listed in words.
 */
export function createMarking(options: MarkingOptions): Marking {
  const { words, labels, changed } = options
  let marks: readonly Mark[] = []
  let mode: ShapeKind | 'select' = options.kinds[0] ?? 'select'
  let sketch: Shape | undefined
  let selectedId: number | undefined
  /** The place of the selected mark that goes where the next press is. */
  let picked: number | undefined
  let lastId = 0

  const surface = createSurface({
    ...options,
    onResize,
    onPress,
    onPick: select,
    onHandlePress,
    onHandleMove,
  })
  const view = createView(surface.map, options.showWhole)
  const toolbar = createToolbar(options, { choose, finish, undoPoint, cancel })
  const list = createMarkList({ words, labels, onSelect: select, onLabel: relabel, onRemove: remove })
  const nextLabel = element(
    'select',
    {},
    ...labels.map((label) => element('option', { value: label }, label)),
  )
  const nextLabelField = element('label', { class: 'next-label' }, words.nextLabel, nextLabel)
  const nothing = element('input', { type: 'checkbox' })
  const nothingField = element('label', { class: 'nothing' }, nothing, words.nothing)
  const said = element('p', { class: 'announcer', role: 'status' })
  const root = element('div', { class: 'marking' }, toolbar.root, surface.root, said)
  const listRoot = element('div', { class: 'marking-list', 'data-field': '' }, list.root, nothingField)

  if (labels.length > 0) toolbar.root.append(nextLabelField)
  surface.root.append(createZoomButtons(words, surface.map, view.showWhole))
  nothing.addEventListener('change', changed)
  root.addEventListener('keydown', (event) => {
    if (event.target instanceof HTMLSelectElement || !pressKey(event.key)) return
    event.preventDefault()
    event.stopPropagation()
  })
  draw()

  function draw(): void {
    surface.draw({ marks, selectedId, sketch, isPickable: mode === 'select' && picked === undefined })
    list.show(
      marks.map((mark) => ({
        id: mark.id,
        name: words[mark.kind],
        detail: placesText(mark.positions),
        label: mark.label,
      })),
      selectedId,
    )
    toolbar.show(mode, hint(), sketch)
    nothingField.hidden = marks.length > 0 || sketch !== undefined
  }

  function placesText([first = [0, 0], ...others]: readonly Position[]): string {
    const [second] = others
    if (others.length > 1)
      return filled(words.more, { place: options.spoken(first), count: String(others.length) })
    return [first, ...(second ? [second] : [])].map(options.spoken).join('; ')
  }

  function onResize(): void {
    view.keep()
  }

  function hint(): string {
    if (picked !== undefined) return words.hintPicked
    if (mode === 'select') return words.hintSelect
    if (mode === 'point') return words.hintPoint
    if (mode === 'box') return sketch ? words.hintBoxNext : words.hintBox
    return sketch ? words.hintPathNext : words.hintPath
  }

  function onPress(position: Position): void {
    if (picked !== undefined) {
      onHandleMove(picked, position)
      picked = undefined
      draw()
    } else if (mode === 'select') select(undefined)
    else addPlace(mode, position)
  }

  function addPlace(kind: ShapeKind, position: Position): void {
    const before = sketch?.positions ?? []
    const last = before.at(-1)
    const first = before[0]
    const isAgain = (place: Position | undefined) =>
      place !== undefined && surface.isSamePlace(place, position)
    // The last place again, or the first one of an outline, finishes it.
    if (isAgain(last) || (kind === 'area' && before.length > 2 && isAgain(first))) {
      finish()
      return
    }
    sketch = { kind, positions: [...before, position] }
    selectedId = undefined
    if (isComplete(sketch)) finish()
    else draw()
  }

  function finish(): void {
    if (!sketch || !canFinish(sketch)) return
    lastId += 1
    marks = [...marks, { ...sketch, id: lastId, label: labels.length > 0 ? nextLabel.value : null }]
    selectedId = lastId
    sketch = undefined
    nothing.checked = false
    said.textContent = filled(words.added, { number: String(marks.length) })
    changed()
    draw()
  }

  function undoPoint(): void {
    const rest = sketch?.positions.slice(0, -1) ?? []
    sketch = sketch && rest.length > 0 ? { ...sketch, positions: rest } : undefined
    draw()
  }

  function cancel(): void {
    sketch = undefined
    picked = undefined
    draw()
  }

  function choose(next: ShapeKind | 'select'): void {
    mode = next
    cancel()
  }

  function select(id: number | undefined): void {
    selectedId = selectedId === id ? undefined : id
    cancel()
  }

  function relabel(id: number, label: string): void {
    marks = marks.map((mark) => (mark.id === id ? { ...mark, label } : mark))
    changed()
    draw()
  }

  function remove(id: number): void {
    marks = marks.filter((mark) => mark.id !== id)
    if (selectedId === id) selectedId = undefined
    said.textContent = words.removed
    changed()
    cancel()
  }

  function onHandlePress(index: number): void {
    picked = picked === index ? undefined : index
    draw()
  }

  function onHandleMove(index: number, position: Position): void {
    marks = marks.map((mark) =>
      mark.id === selectedId ? { ...mark, positions: mark.positions.with(index, position) } : mark,
    )
    changed()
    draw()
  }

  /** The keys of drawing; others are not ours. */
  function pressKey(key: string): boolean {
    if (key === 'Escape' && (sketch ?? picked) !== undefined) cancel()
    else if (key === 'Backspace' && sketch) undoPoint()
    else return false
    return true
  }

  return {
    root,
    list: listRoot,
    map: surface.map,
    showWhole: view.showWhole,
    read() {
      if (sketch) return { missing: words.unfinished, focus: toolbar.finish }
      if (marks.length === 0 && !nothing.checked) return { missing: words.missing, focus: nothing }
      const unlabelled = marks.find(({ label }) => label === '')
      if (unlabelled) return { missing: words.unlabelled, focus: list.labelField(unlabelled.id) }
      return { marks }
    },
    clear() {
      marks = []
      selectedId = undefined
      nothing.checked = false
      cancel()
    },
  }
}

interface ToolbarActions {
  choose(mode: ShapeKind | 'select'): void
  finish(): void
  undoPoint(): void
  cancel(): void
}

/** What a press does, and the buttons for a shape under way. */
function createToolbar({ words, kinds }: MarkingOptions, actions: ToolbarActions) {
  const modes = [...kinds, 'select'] as const
  const buttons = modes.map((mode) => {
    const button = element('button', { type: 'button', class: 'tool' }, words[mode])
    button.addEventListener('click', () => {
      actions.choose(mode)
    })
    return { mode, button }
  })
  const group = element(
    'div',
    { class: 'tools', role: 'group', 'aria-label': words.tools },
    ...buttons.map(({ button }) => button),
  )
  const hint = element('p', { class: 'tool-hint', role: 'status' })
  const finish = textButton(words.finish, actions.finish)
  const undo = textButton(words.undoPoint, actions.undoPoint)
  const cancel = textButton(words.cancel, actions.cancel)
  const sketching = element('div', { class: 'sketching' }, finish, undo, cancel)
  const root = element('div', { class: 'toolbar' }, group, hint, sketching)

  return {
    root,
    finish,
    show(mode: ShapeKind | 'select', text: string, sketch: Shape | undefined) {
      for (const { mode: own, button } of buttons) button.setAttribute('aria-pressed', String(own === mode))
      if (hint.textContent !== text) hint.textContent = text
      sketching.hidden = sketch === undefined
      finish.setAttribute('aria-disabled', String(!sketch || !canFinish(sketch)))
    },
  }
}

function createZoomButtons(words: MarkingWords, map: LeafletMap, showWhole: () => void): HTMLElement {
  return element(
    'div',
    { class: 'zoom-buttons' },
    signButton('+', words.zoomIn, () => map.zoomIn(1)),
    signButton('\u2212', words.zoomOut, () => map.zoomOut(1)),
    signButton('\u2922', words.whole, showWhole),
  )
}

/** What of the map is on the screen: everything, until somebody moves or zooms it. */
function createView(map: LeafletMap, showWhole: (map: LeafletMap) => void) {
  let whole = ''

  function now(): string {
    return `${map.getCenter().toString()} ${map.getZoom()}`
  }

  function show(): void {
    map.invalidateSize({ animate: false })
    showWhole(map)
    whole = now()
  }

  return {
    showWhole: show,
    /** After the map's place on the screen has changed. */
    keep() {
      if (now() === whole) show()
      else map.invalidateSize({ animate: false })
    },
  }
}
