import { GlobalWorkerOptions, getDocument, version } from 'pdfjs-dist'
import type { PDFDocumentProxy, RenderTask } from 'pdfjs-dist'
import parserFile from 'pdfjs-dist/build/pdf.worker.min.mjs?url'
import { filled } from '../../../lib/contribute-strings.ts'
import { element } from '../elements.ts'
import { signButton, textButton } from '../parts/buttons.ts'

const ZOOM_STEP = 1.25
const ZOOM_MIN = 0.5
const ZOOM_MAX = 5

export interface PdfViewer {
  readonly root: HTMLElement
  /** Opens a document at a page. Rejects when it cannot be loaded. */
  open(url: string, page: number): Promise<void>
  readonly page: number
  readonly pageCount: number
  key(key: string): boolean
  clear(): void
}

type ViewerWord = 'previous' | 'next' | 'page' | 'pageOf' | 'pageName' | 'zoomIn' | 'zoomOut'

/**
 * One page of a PDF at a time, as wide as its place.
 *
 * @param siteUrl from where more of pdf.js loads.
 * @param onPage hears of every page that comes on the screen.
 */
export function createPdfViewer(
  words: Readonly<Record<ViewerWord, string>>,
  siteUrl: string,
  onPage: () => void,
): PdfViewer {
  const scripts = new URL('/static/', siteUrl)
  // Reads documents beside the page.
  GlobalWorkerOptions.workerSrc = new URL(parserFile, scripts).href
  // Unpack the pictures of scanners.
  const decoders = new URL(`pdf-${version}/`, scripts).href
  const canvas = element('canvas', { role: 'img' })
  /** What the page says, for those who do not see it. */
  const text = element('div', { class: 'announcer' })
  const scroller = element('div', { class: 'pdf-scroll', tabindex: '0', role: 'group' }, canvas, text)
  const number = element('input', { type: 'number', min: '1', inputmode: 'numeric' })
  const count = element('span')
  const previous = textButton(words.previous, () => void go(page - 1), 'tool')
  const next = textButton(words.next, () => void go(page + 1), 'tool')
  const bar = element(
    'div',
    { class: 'toolbar' },
    previous,
    element('label', { class: 'page-number' }, words.page, number, count),
    next,
    signButton('+', words.zoomIn, () => void zoomBy(ZOOM_STEP), 'tool'),
    signButton('\u2212', words.zoomOut, () => void zoomBy(1 / ZOOM_STEP), 'tool'),
  )
  const root = element('div', { class: 'pdf' }, bar, scroller)
  let shown: PDFDocumentProxy | undefined
  let page = 1
  let zoom = 1
  let rendering: RenderTask | undefined
  let turn = 0

  number.addEventListener('change', () => {
    void go(Math.round(number.valueAsNumber))
  })
  let width = 0
  new ResizeObserver(() => {
    if (Math.abs(scroller.clientWidth - width) < 2) return
    width = scroller.clientWidth
    void render()
  }).observe(scroller)

  async function go(wanted: number): Promise<void> {
    const count = shown?.numPages ?? 0
    const reachable = Number.isFinite(wanted) ? Math.max(1, Math.min(wanted, count)) : page
    number.value = String(reachable)
    if (reachable === page || count === 0) return
    page = reachable
    onPage()
    scroller.scrollTo(0, 0)
    await render()
  }

  async function zoomBy(factor: number): Promise<void> {
    zoom = Math.max(ZOOM_MIN, Math.min(zoom * factor, ZOOM_MAX))
    await render()
  }

  async function render(): Promise<void> {
    if (!shown) return
    turn += 1
    const ownTurn = turn
    rendering?.cancel()
    const pdfPage = await shown.getPage(page)
    if (ownTurn !== turn) return
    const natural = pdfPage.getViewport({ scale: 1 })
    const scale = (scroller.clientWidth / natural.width) * zoom
    const sharp = pdfPage.getViewport({ scale: scale * devicePixelRatio })
    canvas.width = Math.floor(sharp.width)
    canvas.height = Math.floor(sharp.height)
    canvas.style.width = `${natural.width * scale}px`
    canvas.setAttribute(
      'aria-label',
      filled(words.pageName, { page: String(page), count: String(shown.numPages) }),
    )
    previous.setAttribute('aria-disabled', String(page === 1))
    next.setAttribute('aria-disabled', String(page === shown.numPages))
    rendering = pdfPage.render({ canvas, viewport: sharp })
    const [, content] = await Promise.all([
      // A page that was turned before it was painted.
      rendering.promise.catch(() => undefined),
      pdfPage.getTextContent(),
    ])
    if (ownTurn !== turn) return
    text.textContent = content.items.map((item) => ('str' in item ? item.str : '')).join(' ')
  }

  function clear(): void {
    turn += 1
    rendering?.cancel()
    void shown?.loadingTask.destroy()
    shown = undefined
    text.textContent = ''
    canvas.width = canvas.height = 0
  }

  return {
    root,
    async open(url, first) {
      clear()
      const ownTurn = turn
      const opened = await getDocument({ url, wasmUrl: decoders, useWasm: false }).promise
      if (ownTurn !== turn) {
        void opened.loadingTask.destroy()
        return
      }
      shown = opened
      page = Math.max(1, Math.min(Math.round(first), opened.numPages))
      zoom = 1
      number.max = String(opened.numPages)
      number.value = String(page)
      count.textContent = filled(words.pageOf, { count: String(opened.numPages) })
      onPage()
      // Broken pages fail here. Nobody waits for the paint: browsers put it off where a frame is out of sight.
      await opened.getPage(page)
      void render()
    },
    get page() {
      return page
    },
    get pageCount() {
      return shown?.numPages ?? 0
    },
    key(key) {
      if (key === 'PageDown') void go(page + 1)
      else if (key === 'PageUp') void go(page - 1)
      else return false
      return true
    },
    clear,
  }
}
