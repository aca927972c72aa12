import type { PresenterStrings } from '../../lib/contribute-strings.ts'
import { element } from './elements.ts'

/** Shorter waits show nothing new: a flash of "loading" is worse than the wait. */
const PATIENCE_MS = 120

export interface PictureOptions {
  strings: PresenterStrings
  onReady(): void
  onFailed(): void
  onSkip(): void
}

export interface Picture {
  readonly root: HTMLElement
  /** Shows a picture, in place of any other; undefined when the task has none. */
  show(url: string | undefined, alt: string): void
  /** Fetches a picture that will be shown next. */
  preload(url: string): void
  /** Takes the picture away. */
  clear(): void
}

/** A picture that fits its place, grows on a press and scrolls then, and says when it cannot be loaded. */
export function createPicture({ strings, onReady, onFailed, onSkip }: PictureOptions): Picture {
  const preloaded = new Map<string, HTMLImageElement>()
  const hint = element('span', { class: 'zoom-hint' })
  const zoom = element('button', { class: 'picture-zoom', type: 'button' }, hint)
  const scroller = element('div', { class: 'picture-scroll' }, zoom)
  const failureText = element('p')
  const retry = element('button', { type: 'button', class: 'quiet' }, strings.retry)
  const skip = element('button', { type: 'button', class: 'quiet' }, strings.skip)
  const failure = element('div', { class: 'picture-failure', role: 'alert' }, failureText, retry, skip)
  const loading = element('p', { class: 'picture-loading' }, strings.pictureLoading)
  const root = element('div', { class: 'picture' }, scroller, loading, failure)
  let current: { url: string; alt: string; image: HTMLImageElement } | undefined
  let patience: number | undefined

  zoom.addEventListener('click', (event) => {
    setZoom(root.dataset['zoomed'] === undefined, event)
  })
  root.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') setZoom(false)
  })
  skip.addEventListener('click', onSkip)
  retry.addEventListener('click', () => {
    if (current) show(current.url, current.alt)
  })
  clear()

  function setState(state: 'none' | 'loading' | 'shown' | 'failed'): void {
    window.clearTimeout(patience)
    scroller.hidden = state !== 'shown'
    loading.hidden = state !== 'loading'
    failure.hidden = state !== 'failed'
  }

  function setZoom(isZoomed: boolean, at?: MouseEvent): void {
    const { x, y } = relativePoint(current?.image, at)
    if (isZoomed) root.dataset['zoomed'] = ''
    else delete root.dataset['zoomed']
    zoom.setAttribute('aria-pressed', String(isZoomed))
    hint.textContent = isZoomed ? strings.zoomOut : strings.zoomIn
    // What was pressed stays in the middle.
    scroller.scrollLeft = x * scroller.scrollWidth - scroller.clientWidth / 2
    scroller.scrollTop = y * scroller.scrollHeight - scroller.clientHeight / 2
  }

  function clear(): void {
    current?.image.remove()
    current = undefined
    setZoom(false)
    setState('none')
  }

  function fail(text: string, mayRetry: boolean): void {
    failureText.textContent = text
    retry.hidden = !mayRetry
    setState('failed')
    onFailed()
  }

  function show(url: string | undefined, alt: string): void {
    clear()
    if (url === undefined) return fail(strings.pictureMissing, false)
    const image = preloaded.get(url) ?? fetchPicture(url)
    preloaded.delete(url)
    image.alt = alt
    current = { url, alt, image }
    zoom.prepend(image)
    if (image.complete && image.naturalWidth > 0) return ready()
    patience = window.setTimeout(() => {
      setState('loading')
    }, PATIENCE_MS)
    image.decode().then(
      () => {
        if (current?.image === image) ready()
      },
      () => {
        if (current?.image === image) fail(strings.pictureFailed, true)
      },
    )
  }

  function ready(): void {
    setState('shown')
    onReady()
  }

  return {
    root,
    show,
    clear,
    preload(url) {
      // One ahead is enough; an older one was passed over.
      preloaded.clear()
      preloaded.set(url, fetchPicture(url))
    },
  }
}

function fetchPicture(url: string): HTMLImageElement {
  const image = new Image()
  image.draggable = false
  image.src = url
  // Decoded ahead, it is painted in the same frame as the press that asks for it.
  image.decode().catch(() => undefined)
  return image
}

/** Where in the picture a press was, from 0 to 1; the middle for the keyboard. */
function relativePoint(
  image: HTMLImageElement | undefined,
  at: MouseEvent | undefined,
): { x: number; y: number } {
  const box = image?.getBoundingClientRect()
  if (!box?.width || !box.height || !at || at.detail === 0) return { x: 0.5, y: 0.5 }
  return { x: (at.clientX - box.left) / box.width, y: (at.clientY - box.top) / box.height }
}
