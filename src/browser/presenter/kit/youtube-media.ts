import { firstState, frameElement, loadScript, whenReady } from './media.ts'
import type { Media, MediaListener } from './media.ts'

/** The part of YouTube's player object that is used. */
interface YouTubePlayer {
  playVideo(): void
  pauseVideo(): void
  seekTo(seconds: number, allowSeekAhead: boolean): void
  setVolume(percent: number): void
  mute(): void
  unMute(): void
  getDuration(): number
  getCurrentTime(): number
}

interface YouTubeApi {
  ready(listener: () => void): void
  Player: new (
    element: HTMLElement,
    options: { events: { onReady(): void; onStateChange(event: { data: number }): void } },
  ) => YouTubePlayer
}

const PLAYING = 1
const PAUSED = 2
const ENDED = 0
const TELL_TIME_MS = 250

export function youtubeId(url: string): string | undefined {
  return /(?:youtube(?:-nocookie)?\.com\/(?:watch\?(?:.*&)?v=|embed\/|v\/|shorts\/)|youtu\.be\/)([\w-]{6,})/.exec(
    url,
  )?.[1]
}

export function youtubeMedia(id: string, listener: MediaListener): Media {
  const origin = window.origin === 'null' ? '' : `&origin=${encodeURIComponent(window.origin)}`
  const element = frameElement(`https://www.youtube.com/embed/${id}?enablejsapi=1${origin}`, 'YouTube')
  const state = firstState()
  const { ready, run } = whenReady<YouTubePlayer>()

  void loadScript('https://www.youtube.com/iframe_api').then(() => {
    const { YT } = window as Window & { YT?: YouTubeApi }
    YT?.ready(() => {
      const player = new YT.Player(element, {
        events: {
          onReady() {
            state.duration = player.getDuration()
            ready(player)
            listener('ready')
          },
          onStateChange({ data }) {
            changed(player, data)
          },
        },
      })
    })
  }, reportError)

  function changed(player: YouTubePlayer, data: number): void {
    state.isPaused = data !== PLAYING
    state.hasEnded = data === ENDED
    state.duration = player.getDuration()
    if (data === PLAYING) listener('play')
    else if (data === PAUSED) listener('pause')
    else if (data === ENDED) listener('ended')
    if (data === PLAYING) follow(player)
  }

  function follow(player: YouTubePlayer): void {
    if (state.isPaused || !element.isConnected) return
    state.time = player.getCurrentTime()
    listener('time')
    setTimeout(follow, TELL_TIME_MS, player)
  }

  return {
    element,
    state: () => state,
    play() {
      run((player) => {
        player.playVideo()
      })
    },
    pause() {
      run((player) => {
        player.pauseVideo()
      })
    },
    seek(seconds) {
      state.time = seconds
      run((player) => {
        player.seekTo(seconds, true)
      })
    },
    setVolume(volume) {
      state.volume = volume
      run((player) => {
        player.setVolume(volume * 100)
      })
    },
    setMuted(isMuted) {
      state.isMuted = isMuted
      run((player) => {
        if (isMuted) player.mute()
        else player.unMute()
      })
    },
  }
}
