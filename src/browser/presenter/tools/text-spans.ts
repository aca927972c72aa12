import { filled } from '../../../lib/contribute-strings.ts'
import { textSpans } from '../../../lib/templates/text-spans.ts'
import { element } from '../elements.ts'
import { createHighlights } from '../parts/highlights.ts'
import type { Highlights, Passage } from '../parts/highlights.ts'
import { createLabelChoice } from '../parts/label-choice.ts'
import { textIn } from '../parts/media-url.ts'
import { createWordPicker } from '../parts/word-picker.ts'
import { MediaError, registerTool } from '../tool.ts'

/** A text whose passages get labels. Stores `{"spans": [{"start", "end", "text", "label"}]}`, first to last. */
registerTool(textSpans, ({ textColumn, labels, mayBeNone }, around) => {
  const { words } = around
  let text = ''
  let passages: Passage[] = []
  let highlights: Highlights | undefined
  const label = createLabelChoice(labels, words.labels)
  const said = element('p', { class: 'announcer', role: 'status' })
  const help = element('p', { class: 'key-hint', id: 'text-help' }, words.helpKeys)
  const picker = createWordPicker({
    label: words.text,
    describedBy: help.id,
    onPick: add,
    onWord(word, isFirst) {
      said.textContent = isFirst ? filled(words.first, { word }) : word
    },
  })
  const empty = element('p', { class: 'none' }, words.none)
  const list = element('ol', { class: 'passages', 'aria-label': words.spans })

  function add(from: number, to: number): void {
    const written = text.slice(from, to)
    const start = from + (written.length - written.trimStart().length)
    const passage = { start, end: start + written.trim().length, text: written.trim(), label: label.chosen() }
    const isThere = passages.some((other) => isSame(other, passage))
    if (passage.text === '' || isThere) return
    passages = [...passages, passage].sort((one, other) => one.start - other.start || one.end - other.end)
    said.textContent = filled(
      words.marked,
      passage.text === '' ? {} : { label: passage.label, text: passage.text },
    )
    around.changed()
    render()
  }

  function remove(passage: Passage): void {
    passages = passages.filter((other) => other !== passage)
    said.textContent = filled(words.removed, { text: passage.text })
    around.changed()
    render()
    picker.root.focus()
  }

  function render(): void {
    highlights?.show(passages)
    picker.label(passages)
    empty.hidden = passages.length > 0
    list.replaceChildren(...passages.map(itemOf))
  }

  function itemOf(passage: Passage): HTMLElement {
    const name = filled(words.remove, { label: passage.label, text: passage.text })
    const button = element('button', { type: 'button', class: 'quiet', 'aria-label': name }, '×')
    button.addEventListener('click', () => {
      remove(passage)
    })
    return element(
      'li',
      {},
      label.swatchOf(passage.label),
      element('strong', {}, passage.label),
      element('q', {}, passage.text),
      button,
    )
  }

  function clear(): void {
    highlights?.destroy()
    highlights = undefined
    passages = []
    text = ''
  }

  return {
    root: element('div', { class: 'spans' }, label.root, element('p', {}, words.help), help, picker.root),
    controls: element('div', { class: 'controls', 'data-field': '' }, empty, list, said),
    layout: 'below',
    async show({ info }) {
      clear()
      text = textIn(info, textColumn) ?? ''
      if (text === '') throw new MediaError(words.textMissing, { mayRetry: false })
      picker.show(text)
      highlights = createHighlights(picker.root, label.colourOf, add)
      render()
      await Promise.resolve()
    },
    read() {
      if (passages.length === 0 && !mayBeNone) return { missing: words.missing, focus: picker.root }
      return { info: { spans: passages.map((passage) => ({ ...passage })) } }
    },
    key: label.press,
    clear,
  }
})

function isSame(one: Passage, other: Passage): boolean {
  return one.start === other.start && one.end === other.end && one.label === other.label
}
