import { firstState, frameElement, loadScript, whenReady } from './media.ts'
import type { Media, MediaListener } from './media.ts'

/** The part of SoundCloud's player that is used; times are milliseconds and volumes percent. */
interface SoundCloudPlayer {
  bind(event: string, listener: (figures: { currentPosition: number }) => void): void
  play(): void
  pause(): void
  seekTo(milliseconds: number): void
  setVolume(percent: number): void
  getDuration(told: (milliseconds: number) => void): void
}

type SoundCloudApi = Readonly<Record<'Widget', (frame: HTMLIFrameElement) => SoundCloudPlayer>>

export function soundcloudMedia(url: string, listener: MediaListener): Media {
  const element = frameElement(
    `https://w.soundcloud.com/player/?url=${encodeURIComponent(url)}`,
    'SoundCloud',
  )
  const state = firstState()
  const { ready, run } = whenReady<SoundCloudPlayer>()

  async function connect(): Promise<void> {
    await loadScript('https://w.soundcloud.com/player/api.js')
    const { SC } = window as Window & { SC?: SoundCloudApi }
    if (SC) follow(SC['Widget'](element))
  }

  function follow(player: SoundCloudPlayer): void {
    player.bind('ready', () => {
      player.getDuration((milliseconds) => {
        state.duration = milliseconds / 1000
        ready(player)
        listener('ready')
      })
    })
    player.bind('play', () => {
      Object.assign(state, { isPaused: false, hasEnded: false })
      listener('play')
    })
    player.bind('pause', () => {
      state.isPaused = true
      listener('pause')
    })
    player.bind('finish', () => {
      Object.assign(state, { isPaused: true, hasEnded: true })
      listener('ended')
    })
    player.bind('playProgress', ({ currentPosition }) => {
      state.time = currentPosition / 1000
      listener('time')
    })
  }

  function tellVolume(): void {
    run((player) => {
      player.setVolume(state.isMuted ? 0 : state.volume * 100)
    })
  }

  connect().catch(reportError)
  return {
    element,
    state: () => state,
    play() {
      run((player) => {
        player.play()
      })
    },
    pause() {
      run((player) => {
        player.pause()
      })
    },
    seek(seconds) {
      state.time = seconds
      run((player) => {
        player.seekTo(seconds * 1000)
      })
    },
    setVolume(volume) {
      state.volume = volume
      tellVolume()
    },
    setMuted(isMuted) {
      state.isMuted = isMuted
      tellVolume()
    },
  }
}
