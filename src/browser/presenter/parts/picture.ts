import type { PresenterStrings } from '../../../lib/contribute-strings.ts'
import { element } from '../elements.ts'
import { createPictureLoader } from './picture-loader.ts'

export interface Picture {
  readonly root: HTMLElement
  /** Shows a picture, in place of any other; undefined when the task has none. @throws MediaError */
  show(url: string | undefined, alt: string): Promise<void>
  /** Fetches a picture that will be shown next. */
  preload(url: string | undefined): void
  /** Takes the picture away. */
  clear(): void
}

/** A picture that fits its place, and grows on a press and scrolls then. */
export function createPicture(strings: PresenterStrings): Picture {
  const loader = createPictureLoader(strings)
  const hint = element('span', { class: 'zoom-hint' })
  const zoom = element('button', { class: 'picture-zoom', type: 'button' }, hint)
  const root = element('div', { class: 'picture' }, zoom)
  let current: HTMLImageElement | undefined
  let turn = 0

  zoom.addEventListener('click', (event) => {
    setZoom(root.dataset['zoomed'] === undefined, event)
  })
  root.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') setZoom(false)
  })
  clear()

  function setZoom(isZoomed: boolean, at?: MouseEvent): void {
    const { x, y } = relativePoint(current, at)
    if (isZoomed) root.dataset['zoomed'] = ''
    else delete root.dataset['zoomed']
    zoom.setAttribute('aria-pressed', String(isZoomed))
    hint.textContent = isZoomed ? strings.zoomOut : strings.zoomIn
    // What was pressed stays in the middle.
    root.scrollLeft = x * root.scrollWidth - root.clientWidth / 2
    root.scrollTop = y * root.scrollHeight - root.clientHeight / 2
  }

  function clear(): void {
    turn += 1
    current?.remove()
    current = undefined
    setZoom(false)
  }

  async function show(url: string | undefined, alt: string): Promise<void> {
    clear()
    const ownTurn = turn
    const image = await loader.load(url)
    if (ownTurn !== turn) return
    image.alt = alt
    current = image
    zoom.prepend(image)
  }

  return {
    root,
    show,
    clear,
    preload: loader.preload,
  }
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
