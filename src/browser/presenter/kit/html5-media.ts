import type { Media, MediaEvent, MediaListener } from './media.ts'

const AUDIO = /\.(mp3|oga|wav|m4a|aac|flac|opus|weba)([?#]|$)/i

const EVENTS: readonly (readonly [string, MediaEvent])[] = [
  ['loadedmetadata', 'ready'],
  ['play', 'play'],
  ['pause', 'pause'],
  ['timeupdate', 'time'],
  ['ended', 'ended'],
]

/** A file that the browser plays itself. */
export function html5Media(url: string, isAudio: boolean, listener: MediaListener): Media {
  const element = document.createElement(isAudio || AUDIO.test(url) ? 'audio' : 'video')
  element.controls = true
  element.preload = 'metadata'
  for (const [name, event] of EVENTS) {
    element.addEventListener(name, () => {
      listener(event)
    })
  }
  element.src = url
  return {
    element,
    state: () => ({
      isPaused: element.paused,
      hasEnded: element.ended,
      isMuted: element.muted,
      duration: Number.isFinite(element.duration) ? element.duration : 0,
      time: element.currentTime,
      volume: element.volume,
    }),
    play() {
      // A browser may want a press first, and has its own button for it.
      element.play().catch(() => undefined)
    },
    pause() {
      element.pause()
    },
    seek(seconds) {
      element.currentTime = seconds
    },
    setVolume(volume) {
      element.volume = Math.min(Math.max(volume, 0), 1)
    },
    setMuted(isMuted) {
      element.muted = isMuted
    },
  }
}
