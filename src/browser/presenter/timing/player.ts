import { filled } from '../../../lib/contribute-strings.ts'
import type { TimingWords } from '../../../lib/templates/timing-words.ts'
import { element } from '../elements.ts'
import { textButton } from '../parts/buttons.ts'
import { MediaError } from '../tool.ts'
import { clockText } from './clock.ts'

const JUMP_S = 5
const SPEEDS = [0.5, 0.75, 1, 1.5, 2]

export interface Player {
  /** The buttons; the medium itself stands where its tool wants it. */
  readonly root: HTMLElement
  /** Resolves when the length is known. @throws MediaError */
  load(url: string | undefined): Promise<void>
  readonly now: number
  readonly duration: number
  seek(seconds: number): void
  /** Plays from one position to another. */
  playRange(start: number, end: number): void
  key(key: string): boolean
  clear(): void
}

/** Buttons for a recording, the same for sound and video, with names and sizes of our own. */
export function createPlayer(media: HTMLMediaElement, words: TimingWords): Player {
  const play = element('button', { type: 'button', class: 'tool play' }, words.play)
  const position = element('input', {
    type: 'range',
    min: '0',
    step: '0.01',
    value: '0',
    'aria-label': words.position,
  })
  const readout = element('span', { class: 'readout' })
  const speed = element(
    'select',
    { 'aria-label': words.speed },
    ...SPEEDS.map((rate) =>
      element('option', { value: String(rate) }, rate === 1 ? words.normal : `${rate}×`),
    ),
  )
  const root = element(
    'div',
    { class: 'player' },
    play,
    textButton(words.back, () => seek(media.currentTime - JUMP_S), 'tool'),
    textButton(words.forward, () => seek(media.currentTime + JUMP_S), 'tool'),
    element('div', { class: 'position' }, position, readout),
    speed,
  )
  let stopAt: number | undefined

  play.addEventListener('click', toggle)
  position.addEventListener('input', () => {
    seek(position.valueAsNumber)
  })
  speed.addEventListener('change', () => {
    media.playbackRate = Number(speed.value)
  })
  for (const event of ['play', 'pause', 'ended', 'timeupdate', 'seeked', 'durationchange', 'emptied']) {
    media.addEventListener(event, show)
  }
  // Smoother than `timeupdate`, which comes four times a second.
  media.addEventListener('play', followPosition)
  speed.value = '1'
  show()

  function followPosition(): void {
    if (media.paused) return
    show()
    requestAnimationFrame(followPosition)
  }

  function show(): void {
    if (stopAt !== undefined && media.currentTime >= stopAt) media.pause()
    if (media.paused) stopAt = undefined
    const { currentTime } = media
    const duration = length()
    play.textContent = media.paused ? words.play : words.pause
    position.max = String(duration)
    position.value = String(currentTime)
    const values = { now: clockText(currentTime), duration: clockText(duration) }
    readout.textContent = `${values.now} / ${values.duration}`
    position.setAttribute('aria-valuetext', filled(words.positionOf, values))
  }

  function length(): number {
    if (Number.isFinite(media.duration)) return media.duration
    // A recording that does not say how long it is, and what of it has come.
    const { seekable } = media
    return seekable.length > 0 ? seekable.end(seekable.length - 1) : 0
  }

  function toggle(): void {
    if (media.paused) start()
    else media.pause()
  }

  function start(): void {
    // Whatever keeps it from playing is on the screen: it stays paused.
    media.play().catch(() => undefined)
  }

  function seek(seconds: number): void {
    stopAt = undefined
    media.currentTime = Math.max(0, Math.min(seconds, length()))
    show()
  }

  return {
    root,
    async load(url) {
      if (url === undefined) throw new MediaError(words.none, { mayRetry: false })
      await loaded(media, url).catch(() => {
        throw new MediaError(words.failed)
      })
      media.playbackRate = Number(speed.value)
      show()
    },
    get now() {
      return media.currentTime
    },
    get duration() {
      return length()
    },
    seek,
    playRange(from, end) {
      seek(from)
      stopAt = end
      start()
    },
    key(key) {
      if (key === ' ' && !isOnButton()) toggle()
      else if (key === 'ArrowLeft') seek(media.currentTime - 1)
      else if (key === 'ArrowRight') seek(media.currentTime + 1)
      else return false
      return true
    },
    clear() {
      media.pause()
      media.removeAttribute('src')
      media.load()
    },
  }
}

/** The space key presses the button that has the focus. */
function isOnButton(): boolean {
  return document.activeElement?.matches('button, summary, input') ?? false
}

function loaded(media: HTMLMediaElement, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const ending = new AbortController()
    const once = { once: true, signal: ending.signal }
    media.addEventListener(
      'loadedmetadata',
      () => {
        ending.abort()
        resolve()
      },
      once,
    )
    media.addEventListener(
      'error',
      () => {
        ending.abort()
        reject(new Error('The medium has failed'))
      },
      once,
    )
    media.src = url
    media.load()
  })
}
