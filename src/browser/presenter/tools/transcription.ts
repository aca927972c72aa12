import OpenSeadragon from 'openseadragon'
import { transcription } from '../../../lib/templates/transcription.ts'
import { element } from '../elements.ts'
import { signButton } from '../parts/buttons.ts'
import { mediaName, mediaUrl, textIn } from '../parts/media-url.ts'
import { createTextField } from '../parts/text-field.ts'
import { MediaError, registerTool } from '../tool.ts'

/** One pixel of the page fills at most so many of the screen. */
const ENLARGED_MAX = 4
const ZOOM_STEP = 1.6

registerTool(transcription, ({ pictureColumn, textColumn, direction }, { words, siteUrl, changed }) => {
  const canvas = element('div', { class: 'page-viewer' })
  const root = element('div', { class: 'transcription' }, canvas)
  const field = createTextField(words, changed)
  field.area.dir = direction
  // It hides the focus on telephones by a style that the frame's policy forbids; with this it believes it did.
  document.head.append(element('style', { 'data-openseadragon-mobile-css': '' }))
  const viewer = OpenSeadragon({
    element: canvas,
    // Pages from sites that let scripts see nothing of them can be painted this way as well.
    drawer: 'canvas',
    showNavigationControl: false,
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
    maxZoomPixelRatio: ENLARGED_MAX,
    ...(matchMedia('(prefers-reduced-motion: reduce)').matches && { animationTime: 0 }),
  })
  /** All of the page is on the screen, until somebody moves or zooms it. */
  let isWhole = true
  for (const event of [
    'canvas-drag',
    'canvas-scroll',
    'canvas-pinch',
    'canvas-key',
    'canvas-double-click',
  ] as const) {
    viewer.addHandler(event, touched)
  }
  viewer.addHandler('after-resize', () => {
    if (isWhole) viewer.viewport.goHome(true)
  })
  root.append(
    element(
      'div',
      { class: 'zoom-buttons' },
      signButton('+', words.zoomIn, () => {
        zoomBy(ZOOM_STEP)
      }),
      signButton('\u2212', words.zoomOut, () => {
        zoomBy(1 / ZOOM_STEP)
      }),
      signButton('\u2922', words.whole, () => {
        isWhole = true
        viewer.viewport.goHome()
      }),
      signButton('\u21BB', words.turn, () => {
        viewer.viewport.setRotation(viewer.viewport.getRotation() + 90)
      }),
    ),
  )

  function touched(): void {
    isWhole = false
  }

  function zoomBy(factor: number): void {
    touched()
    viewer.viewport.zoomBy(factor).applyConstraints()
  }

  function open(url: string): Promise<void> {
    return new Promise((resolve, reject) => {
      viewer.addOnceHandler('open', () => {
        resolve()
      })
      viewer.addOnceHandler('open-failed', () => {
        reject(new MediaError(words.failed))
      })
      isWhole = true
      viewer.open({ tileSource: sourceOf(url) })
    })
  }

  return {
    root,
    controls: field.root,
    layout: 'beside',
    async show({ info }) {
      const url = mediaUrl(info, pictureColumn, siteUrl)
      field.set(textIn(info, textColumn) ?? '')
      if (url === undefined) throw new MediaError(words.none, { mayRetry: false })
      viewer.canvas.setAttribute('role', 'application')
      viewer.canvas.setAttribute('aria-label', mediaName(info) ?? words.page)
      viewer.canvas.setAttribute('aria-description', words.pageKeys)
      await open(url)
    },
    read() {
      const text = field.text()
      return text === undefined ? { missing: words.missing, focus: field.area } : { info: { text } }
    },
    clear() {
      viewer.close()
      field.set('')
    },
  }
})

/** Deep zoom where the address says so, one picture otherwise. */
function sourceOf(url: string): string | { type: string; url: string } {
  return /\/info\.json$|\.dzi$/.test(new URL(url).pathname) ? url : { type: 'image', url }
}
