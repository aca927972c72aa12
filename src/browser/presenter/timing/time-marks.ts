import { filled } from '../../../lib/contribute-strings.ts'
import type { JsonObject } from '../../../lib/bridge.ts'
import type { TimingWords } from '../../../lib/templates/timing-words.ts'
import { element } from '../elements.ts'
import { textButton } from '../parts/buttons.ts'
import { createMarkList } from '../marking/mark-list.ts'
import { clockText, toHundredths } from './clock.ts'
import type { Player } from './player.ts'

/** A range of a recording in seconds, or a moment, which has no end. */
export interface TimeMark {
  readonly id: number
  readonly start: number
  readonly end: number | undefined
  readonly label: string | null
}

export type TimeMarkKind = 'ranges' | 'moments' | 'both'

export interface TimeMarksOptions {
  words: TimingWords
  kind: TimeMarkKind
  labels: readonly string[]
  player: Player
  /** Shows the marks in the recording's picture, if it has one. */
  onDraw(marks: readonly TimeMark[], selectedId: number | undefined): void
  changed(): void
}

export interface TimeMarks {
  /** The buttons that mark, to stand by those of the player. */
  readonly buttons: HTMLElement
  readonly list: HTMLElement
  read(): { marks: JsonObject[] } | { missing: string; focus?: HTMLElement | undefined }
  select(id: number): void
  /** Gives a range other ends. */
  resize(id: number, start: number, end: number): void
  key(key: string): boolean
  clear(): void
}

/** Marks in time: "Start here" and "End here" at the position that is played, and fields to set them right. */
export function createTimeMarks(options: TimeMarksOptions): TimeMarks {
  const { words, labels, player, changed } = options
  let marks: readonly TimeMark[] = []
  let startedAt: number | undefined
  let selectedId: number | undefined
  let lastId = 0

  const start = textButton(words.startHere, startRange, 'tool')
  const end = textButton(words.endHere, endRange, 'tool')
  const cancel = textButton(words.cancelRange, cancelRange, 'tool')
  const moment = textButton(words.momentHere, markMoment, 'tool')
  const status = element('p', { class: 'tool-hint', role: 'status' })
  const nextLabel = element(
    'select',
    {},
    ...labels.map((label) => element('option', { value: label }, label)),
  )
  const buttons = element('div', { class: 'toolbar' })
  if (options.kind !== 'moments') buttons.append(start, end, cancel)
  if (options.kind !== 'ranges') buttons.append(moment)
  if (labels.length > 0) buttons.append(element('label', { class: 'next-label' }, words.nextLabel, nextLabel))
  buttons.append(status)

  const rows = createMarkList({ words, labels, onSelect: select, onLabel: relabel, onRemove: remove })
  const editor = createTimeEditor(words, { change, play })
  const nothing = element('input', { type: 'checkbox' })
  const nothingField = element('label', { class: 'nothing' }, nothing, words.nothing)
  const list = element(
    'div',
    { class: 'marking-list', 'data-field': '' },
    rows.root,
    editor.root,
    nothingField,
  )
  nothing.addEventListener('change', changed)
  draw()

  function draw(): void {
    start.hidden = startedAt !== undefined
    end.hidden = cancel.hidden = startedAt === undefined
    nothingField.hidden = marks.length > 0 || startedAt !== undefined
    const selected = marks.find(({ id }) => id === selectedId)
    editor.show(selected)
    rows.show(
      marks.map(({ id, start: from, end: to, label }) => ({
        id,
        label,
        name: to === undefined ? words.moment : words.range,
        detail: to === undefined ? clockText(from) : `${clockText(from)}–${clockText(to)}`,
      })),
      selectedId,
    )
    options.onDraw(marks, selectedId)
  }

  function startRange(): void {
    startedAt = toHundredths(player.now)
    status.textContent = filled(words.started, { time: clockText(startedAt) })
    const hadFocus = document.activeElement === start
    draw()
    if (hadFocus) end.focus()
  }

  function endRange(): void {
    if (startedAt === undefined) return
    const now = toHundredths(player.now)
    const [from, to] = now < startedAt ? [now, startedAt] : [startedAt, now]
    // A range without length is a press too many.
    if (from === to) return
    const hadFocus = document.activeElement === end
    startedAt = undefined
    add(from, to)
    if (hadFocus) start.focus()
  }

  function cancelRange(): void {
    const hadFocus = document.activeElement === cancel
    startedAt = undefined
    status.textContent = ''
    draw()
    if (hadFocus) start.focus()
  }

  function markMoment(): void {
    add(toHundredths(player.now), undefined)
  }

  function add(from: number, to: number | undefined): void {
    lastId += 1
    marks = [
      ...marks,
      { id: lastId, start: from, end: to, label: labels.length > 0 ? nextLabel.value : null },
    ]
    selectedId = lastId
    nothing.checked = false
    status.textContent = filled(words.added, { number: String(marks.length) })
    changed()
    draw()
  }

  function select(id: number): void {
    selectedId = selectedId === id ? undefined : id
    const selected = marks.find((mark) => mark.id === selectedId)
    if (selected) player.seek(selected.start)
    draw()
  }

  function update(id: number | undefined, values: Partial<TimeMark>): void {
    marks = marks.map((mark) => (mark.id === id ? { ...mark, ...values } : mark))
    changed()
    draw()
  }

  function relabel(id: number, label: string): void {
    update(id, { label })
  }

  function change(from: number, to: number | undefined): void {
    const at = (seconds: number) => toHundredths(Math.max(0, Math.min(seconds, player.duration)))
    const ends =
      to === undefined ? { start: at(from) } : { start: at(Math.min(from, to)), end: at(Math.max(from, to)) }
    update(selectedId, ends)
  }

  function play(): void {
    const selected = marks.find(({ id }) => id === selectedId)
    if (selected) player.playRange(selected.start, selected.end ?? selected.start + 1)
  }

  function remove(id: number): void {
    marks = marks.filter((mark) => mark.id !== id)
    if (selectedId === id) selectedId = undefined
    status.textContent = words.removed
    changed()
    draw()
  }

  return {
    buttons,
    list,
    select,
    resize(id, from, to) {
      update(id, { start: toHundredths(from), end: toHundredths(to) })
    },
    read() {
      if (startedAt !== undefined) return { missing: words.unfinished, focus: end }
      if (marks.length === 0 && !nothing.checked) return { missing: words.missingMarks, focus: nothing }
      return { marks: [...marks].sort((a, b) => a.start - b.start).map(storedMark) }
    },
    key(key) {
      const action = { i: startRange, o: endRange, m: markMoment }[key.toLowerCase()]
      if (!action || buttonIsAbsent(action)) return false
      action()
      return true
    },
    clear() {
      marks = []
      startedAt = undefined
      selectedId = undefined
      nothing.checked = false
      status.textContent = ''
      draw()
    },
  }

  function buttonIsAbsent(action: () => void): boolean {
    return options.kind === (action === markMoment ? 'ranges' : 'moments')
  }
}

function storedMark({ start, end, label }: TimeMark): JsonObject {
  const times: JsonObject = end === undefined ? { type: 'moment', at: start } : { type: 'range', start, end }
  return { ...times, ...(label !== null && { label }) }
}

interface EditorActions {
  change(start: number, end: number | undefined): void
  play(): void
}

/** The ends of the selected mark as numbers. */
function createTimeEditor(words: TimingWords, { change, play }: EditorActions) {
  const start = secondsField()
  const end = secondsField()
  const startName = element('span')
  const endField = element('label', {}, words.to, end)
  const root = element(
    'div',
    { class: 'time-editor', role: 'group', 'aria-label': words.selectedMark },
    element('label', {}, startName, start),
    endField,
    textButton(words.playMark, play, 'tool'),
  )
  for (const field of [start, end]) field.addEventListener('change', report)

  function report(): void {
    const from = start.valueAsNumber
    const to = endField.hidden ? undefined : end.valueAsNumber
    if (Number.isFinite(from) && (to === undefined || Number.isFinite(to))) change(from, to)
  }

  return {
    root,
    show(mark: TimeMark | undefined) {
      root.hidden = mark === undefined
      if (!mark) return
      endField.hidden = mark.end === undefined
      startName.textContent = mark.end === undefined ? words.at : words.from
      start.value = String(mark.start)
      end.value = String(mark.end ?? '')
    },
  }
}

function secondsField(): HTMLInputElement {
  return element('input', { type: 'number', min: '0', step: '0.01', inputmode: 'decimal' })
}
