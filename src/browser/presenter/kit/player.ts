import { html5Media } from './html5-media.ts'
import type { Media, MediaEvent, MediaListener, MediaState } from './media.ts'
import { soundcloudMedia } from './soundcloud-media.ts'
import { vimeoId, vimeoMedia } from './vimeo-media.ts'
import { youtubeId, youtubeMedia } from './youtube-media.ts'

type Callback = () => void

const STYLE = `.pybossa-player { width: 100%; }
video.pybossa-player, iframe.pybossa-player { aspect-ratio: 16 / 9; border: 0; }
iframe.pybossa-player[src*='soundcloud'] { aspect-ratio: auto; height: 166px; }`

/**
 * `PybossaPlayer(url, elementId, isAudio)`: puts a player for the address into that element. Where the media come from is
 * seen by the address; YouTube's, Vimeo's and SoundCloud's own scripts are loaded for their addresses only.
 */
export function createPlayer(url: string, elementId: string, isAudio = false) {
  const listeners = new Map<MediaEvent, Callback[]>()
  let isReady = false
  const media = mediaFor(url, isAudio, (event) => {
    if (event === 'ready') isReady = true
    for (const listener of listeners.get(event) ?? []) listener()
  })
  place(media, elementId)

  const on = (event: MediaEvent) => (listener: Callback) => {
    listeners.set(event, [...(listeners.get(event) ?? []), listener])
    if (event === 'ready' && isReady) queueMicrotask(listener)
  }
  const figure =
    <Name extends keyof MediaState>(name: Name) =>
    () =>
      media.state()[name]

  return {
    play: media.play,
    pause: media.pause,
    destroy() {
      media.pause()
      listeners.clear()
      media.element.remove()
    },
    paused: figure('isPaused'),
    duration: figure('duration'),
    currentTime: figure('time'),
    setCurrentTime: media.seek,
    ended: figure('hasEnded'),
    volume: figure('volume'),
    setVolume: media.setVolume,
    muted: figure('isMuted'),
    mute() {
      media.setMuted(true)
    },
    unmute() {
      media.setMuted(false)
    },
    onReady: on('ready'),
    onPlay: on('play'),
    onPause: on('pause'),
    onPlayTimeChange: on('time'),
    onEnded: on('ended'),
  }
}

function mediaFor(url: string, isAudio: boolean, listener: MediaListener): Media {
  const youtube = youtubeId(url)
  if (youtube !== undefined) return youtubeMedia(youtube, listener)
  const vimeo = vimeoId(url)
  if (vimeo !== undefined) return vimeoMedia(vimeo, listener)
  if (/\bsoundcloud\.com\//.test(url)) return soundcloudMedia(url, listener)
  return html5Media(url, isAudio, listener)
}

function place({ element }: Media, elementId: string): void {
  if (!document.getElementById('pybossa-player-style')) {
    const style = Object.assign(document.createElement('style'), {
      id: 'pybossa-player-style',
      textContent: STYLE,
    })
    document.head.append(style)
  }
  element.classList.add('pybossa-player')
  document.getElementById(elementId)?.append(element)
}
