import type { Json, JsonObject } from '../../../lib/bridge.ts'
import type { TimingWords } from '../../../lib/templates/timing-words.ts'
import { element } from '../elements.ts'
import { createKeptChoices } from '../parts/kept-choices.ts'
import { mediaUrl } from '../parts/media-url.ts'
import type { Around, Tool } from '../tool.ts'
import { createPlayer } from './player.ts'
import { createTimeMarks } from './time-marks.ts'
import type { TimeMark, TimeMarkKind, TimeMarks } from './time-marks.ts'

export interface MediaSettings {
  mediaColumn: string
  task: 'classify' | 'mark' | 'both'
  choices: string[]
  multiple: boolean
  marks: TimeMarkKind
  labels: string[]
}

/** How a recording looks. */
export interface MediaView {
  readonly root: HTMLElement
  readonly media: HTMLMediaElement
  readonly layout: Tool['layout']
  /** Shows the recording that the medium has loaded. */
  show?(url: string, info: Json): Promise<void>
  draw?(marks: readonly TimeMark[], selectedId: number | undefined): void
  /** Hears of marks that were pressed or changed in the picture. */
  connect?(marks: Pick<TimeMarks, 'select' | 'resize'>): void
  clear?(): void
}

/** Sound or video with one question, marks in time, or both. */
export function createMediaTool(
  settings: MediaSettings,
  around: Omit<Around, 'words'> & { words: TimingWords },
  view: MediaView,
): Tool {
  const { words, siteUrl } = around
  const asks = settings.task !== 'mark'
  const marksTimes = settings.task !== 'classify'
  const submitsItself = !marksTimes && !settings.multiple
  const player = createPlayer(view.media, words)

  const choices = createKeptChoices({
    texts: settings.choices,
    several: settings.multiple,
    submitsItself,
    submit: around.submit,
    changed: around.changed,
  })
  const marks = createTimeMarks({
    words,
    kind: settings.marks,
    labels: settings.labels,
    player,
    onDraw(shown, selectedId) {
      view.draw?.(shown, selectedId)
    },
    changed: around.changed,
  })
  view.connect?.(marks)

  const root = element('div', { class: 'media-tool' }, view.root, player.root)
  const controls = element('div', { class: 'controls' })
  if (marksTimes) root.append(marks.buttons)
  if (asks) controls.append(choices.root)
  if (marksTimes) controls.append(marks.list)
  controls.append(element('p', { class: 'key-hint' }, marksTimes ? words.keys : words.keysPlain))

  return {
    root,
    controls,
    layout: view.layout,
    submitsItself,
    async show({ info }) {
      const url = mediaUrl(info, settings.mediaColumn, siteUrl)
      choices.clear()
      choices.enable(false)
      marks.clear()
      await player.load(url)
      if (url !== undefined) await view.show?.(url, info)
      choices.enable(true)
    },
    read() {
      const info: JsonObject = {}
      if (asks) {
        const answer = choices.answer()
        if (answer === undefined) return { missing: words.missingChoice, focus: choices.first }
        info['answer'] = answer
      }
      if (marksTimes) {
        const reading = marks.read()
        if ('missing' in reading) return reading
        info['marks'] = reading.marks
      }
      return { info: { ...info, duration: Math.round(player.duration * 100) / 100 } }
    },
    key: (key) => player.key(key) || (marksTimes && marks.key(key)) || (asks && choices.press(key)),
    clear() {
      player.clear()
      view.clear?.()
      marks.clear()
      choices.clear()
      choices.enable(false)
    },
  }
}
