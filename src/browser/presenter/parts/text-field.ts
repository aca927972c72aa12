import { element } from '../elements.ts'

export interface TextField {
  readonly root: HTMLElement
  readonly area: HTMLTextAreaElement
  /** What was written; undefined when nothing was, and nobody said that there is nothing. */
  text(): string | undefined
  set(text: string): void
  /** Whether an empty field may be said to be all there is. */
  allowNothing(isAllowed: boolean): void
}

/** A field for a longer text, and a box to say that there is none. */
export function createTextField(words: { text: string; nothing: string }, changed: () => void): TextField {
  const area = element('textarea', { rows: '5', spellcheck: 'false', autocomplete: 'off' })
  const nothing = element('input', { type: 'checkbox' })
  const nothingField = element('label', { class: 'nothing' }, nothing, words.nothing)
  const root = element(
    'div',
    { class: 'text-field', 'data-field': '' },
    element('label', {}, words.text, area),
    nothingField,
  )
  area.addEventListener('input', () => {
    show()
    changed()
  })
  nothing.addEventListener('change', changed)

  function show(): void {
    allowNothing(area.value.trim() === '')
  }

  function allowNothing(isAllowed: boolean): void {
    nothingField.hidden = !isAllowed
    if (!isAllowed) nothing.checked = false
  }

  return {
    root,
    area,
    text() {
      const written = area.value.trim()
      return written === '' && !nothing.checked ? undefined : written
    },
    set(text) {
      area.value = text
      nothing.checked = false
      show()
    },
    allowNothing,
  }
}
