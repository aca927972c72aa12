import type { JsonObject } from '../../../lib/bridge.ts'
import { filled } from '../../../lib/contribute-strings.ts'
import { pdf } from '../../../lib/templates/pdf.ts'
import { element } from '../elements.ts'
import { createKeptChoices } from '../parts/kept-choices.ts'
import { mediaUrl, textIn } from '../parts/media-url.ts'
import { createTextField } from '../parts/text-field.ts'
import { createPdfViewer } from '../reading/pdf-viewer.ts'
import { MediaError, registerTool } from '../tool.ts'

registerTool(pdf, (settings, { words, siteUrl, submit, changed }) => {
  const asks = settings.task !== 'transcribe'
  const writes = settings.task !== 'classify'
  const submitsItself = !writes && !settings.multiple
  /** By page. */
  const texts = new Map<number, string>()
  const viewer = createPdfViewer(words, siteUrl, turnTo)
  const choices = createKeptChoices({
    texts: settings.choices,
    several: settings.multiple,
    submitsItself,
    submit,
    changed,
  })
  const field = createTextField(words, () => {
    texts.set(viewer.page, field.area.value)
    showWritten()
    changed()
  })
  const written = element('p', { class: 'pages-written', role: 'status' })
  const controls = element('div', { class: 'controls' })
  if (writes) controls.append(field.root, written)
  if (asks) controls.append(choices.root)
  controls.append(element('p', { class: 'key-hint' }, words.keys))

  function turnTo(): void {
    field.set(texts.get(viewer.page) ?? '')
    field.area.setAttribute('aria-label', filled(words.textOf, { page: String(viewer.page) }))
    showWritten()
  }

  function pages(): { page: number; text: string }[] {
    return [...texts]
      .map(([page, text]) => ({ page, text: text.trim() }))
      .filter(({ text }) => text !== '')
      .sort((a, b) => a.page - b.page)
  }

  function showWritten(): void {
    const list = pages()
    written.hidden = list.length === 0
    written.textContent = filled(words.written, { pages: list.map(({ page }) => page).join(', ') })
    field.allowNothing(list.length === 0)
  }

  function clear(): void {
    texts.clear()
    choices.clear()
    choices.enable(false)
    viewer.clear()
    field.set('')
  }

  return {
    root: viewer.root,
    controls,
    layout: 'beside',
    submitsItself,
    async show({ info }) {
      clear()
      const url = mediaUrl(info, settings.documentColumn, siteUrl)
      if (url === undefined) throw new MediaError(words.none, { mayRetry: false })
      const first = Number(textIn(info, settings.pageColumn) ?? 1)
      await viewer.open(url, Number.isFinite(first) ? first : 1).catch(() => {
        throw new MediaError(words.failed)
      })
      choices.enable(true)
    },
    read() {
      const info: JsonObject = {}
      if (asks) {
        const answer = choices.answer()
        if (answer === undefined) return { missing: words.missingChoice, focus: choices.first }
        info['answer'] = answer
      }
      if (writes) {
        const list = pages()
        if (list.length === 0 && field.text() === undefined) {
          return { missing: words.missingText, focus: field.area }
        }
        info['pages'] = list
      }
      return { info: { ...info, pageCount: viewer.pageCount } }
    },
    key: (key) => viewer.key(key) || (asks && choices.press(key)),
    clear,
  }
})
