import { firstState, frameElement, loadScript, whenReady } from './media.ts'
import type { Media, MediaListener } from './media.ts'

/** The part of Vimeo's player object that is used. */
interface VimeoPlayer {
  ready(): Promise<void>
  on(event: string, listener: (figures: { seconds: number; duration: number }) => void): void
  play(): Promise<void>
  pause(): Promise<void>
  setCurrentTime(seconds: number): Promise<number>
  setVolume(volume: number): Promise<number>
  setMuted(isMuted: boolean): Promise<boolean>
  getDuration(): Promise<number>
}

interface VimeoApi {
  Player: new (frame: HTMLIFrameElement) => VimeoPlayer
}

export function vimeoId(url: string): string | undefined {
  return /vimeo\.com\/(?:video\/|channels\/[\w-]+\/)?(\d+)/.exec(url)?.[1]
}

export function vimeoMedia(id: string, listener: MediaListener): Media {
  const element = frameElement(`https://player.vimeo.com/video/${id}`, 'Vimeo')
  const state = firstState()
  const { ready, run } = whenReady<VimeoPlayer>()

  async function connect(): Promise<void> {
    await loadScript('https://player.vimeo.com/api/player.js')
    const { Vimeo } = window as Window & { Vimeo?: VimeoApi }
    if (!Vimeo) return
    const player = new Vimeo.Player(element)
    follow(player)
    await player.ready()
    state.duration = await player.getDuration()
    ready(player)
    listener('ready')
  }

  function follow(player: VimeoPlayer): void {
    player.on('play', () => {
      Object.assign(state, { isPaused: false, hasEnded: false })
      listener('play')
    })
    player.on('pause', () => {
      state.isPaused = true
      listener('pause')
    })
    player.on('ended', () => {
      Object.assign(state, { isPaused: true, hasEnded: true })
      listener('ended')
    })
    player.on('timeupdate', ({ seconds, duration }) => {
      Object.assign(state, { time: seconds, duration })
      listener('time')
    })
  }

  connect().catch(reportError)
  return {
    element,
    state: () => state,
    play() {
      run((player) => void player.play())
    },
    pause() {
      run((player) => void player.pause())
    },
    seek(seconds) {
      state.time = seconds
      run((player) => void player.setCurrentTime(seconds))
    },
    setVolume(volume) {
      state.volume = volume
      run((player) => void player.setVolume(volume))
    },
    setMuted(isMuted) {
      state.isMuted = isMuted
      run((player) => void player.setMuted(isMuted))
    },
  }
}
