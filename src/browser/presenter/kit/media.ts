export type MediaEvent = 'ready' | 'play' | 'pause' | 'time' | 'ended'

/** What a player shows of its media. Commands before it is ready are carried out then; figures are 0 until then. */
export interface MediaState {
  isPaused: boolean
  hasEnded: boolean
  isMuted: boolean
  duration: number
  time: number
  /** From 0 to 1. */
  volume: number
}

/** One kind of player: the element it put on the page, its figures, and what it is told to do. */
export interface Media {
  element: HTMLElement
  state(): MediaState
  play(): void
  pause(): void
  seek(seconds: number): void
  setVolume(volume: number): void
  setMuted(isMuted: boolean): void
}

/** Tells the player what happened in its media. */
export type MediaListener = (event: MediaEvent) => void

/** Figures of players that tell them by and by. */
export function firstState(): MediaState {
  return { isPaused: true, hasEnded: false, isMuted: false, duration: 0, time: 0, volume: 1 }
}

/** Commands for a player of another site, kept until it is there. */
export interface WhenReady<Api> {
  ready(api: Api): void
  run(command: (api: Api) => void): void
}

export function whenReady<Api>(): WhenReady<Api> {
  const waiting = Promise.withResolvers<Api>()
  return {
    ready: waiting.resolve,
    run(command) {
      waiting.promise.then(command).catch(reportError)
    },
  }
}

const scripts = new Map<string, Promise<void>>()

/** Loads another site's player script, once. */
export function loadScript(src: string): Promise<void> {
  const loading = scripts.get(src) ?? load(src)
  scripts.set(src, loading)
  return loading
}

function load(src: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement('script'), { src })
    script.onload = () => {
      resolve()
    }
    script.onerror = () => {
      reject(new Error(`The player's script could not be loaded: ${src}`))
    }
    document.head.append(script)
  })
}

export function frameElement(src: string, title: string): HTMLIFrameElement {
  const frame = Object.assign(document.createElement('iframe'), { src, title })
  frame.setAttribute('allow', 'autoplay; fullscreen; encrypted-media')
  return frame
}
