import { element } from '../elements.ts'
import { wordInNextLine, wordsIn } from './words.ts'
import type { Word } from './words.ts'

/** Presses that moved further than this, in pixels, selected something. */
const TAP_PIXELS = 6

export interface WordPicker {
  readonly root: HTMLElement
  show(text: string): void
  /** Tells those who do not see it which words have which labels. */
  label(passages: readonly LabelledPassage[]): void
}

interface LabelledPassage {
  start: number
  end: number
  label: string
}

export interface WordPickerOptions {
  label: string
  describedBy: string
  /** The first and last word of a passage are picked: from where to where in the text. */
  onPick(start: number, end: number): void
  /** The cursor stands at a word; `isFirst` when a passage begins with it. */
  onWord(word: string, isFirst: boolean): void
}

/** A text in which passages are picked by their first and last word: by presses, or by arrow keys and Enter. */
export function createWordPicker(options: WordPickerOptions): WordPicker {
  const root = element('div', {
    class: 'text',
    tabindex: '0',
    role: 'application',
    'aria-label': options.label,
    'aria-describedby': options.describedBy,
  })
  let words: Word[] = []
  let cursor = 0
  let first: number | undefined
  let pressedAt = { x: 0, y: 0 }

  root.addEventListener('pointerdown', ({ clientX: x, clientY: y }) => {
    pressedAt = { x, y }
  })
  root.addEventListener('click', ({ clientX: x, clientY: y, target }) => {
    const hasMoved = Math.hypot(x - pressedAt.x, y - pressedAt.y) > TAP_PIXELS
    const at = words.findIndex(({ element: word }) => word === target)
    if (hasMoved || at === -1) return
    cursor = at
    pick()
  })
  root.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return
    if (!actOn(event.key)) return
    event.preventDefault()
    event.stopPropagation()
  })

  function actOn(key: string): boolean {
    if (key === 'Enter' || key === ' ') pick()
    else if (key === 'Escape' && first !== undefined) reset()
    else {
      const target = targetOf(key)
      if (target === undefined) return false
      moveTo(target)
    }
    return true
  }

  function targetOf(key: string): number | undefined {
    switch (key) {
      case 'ArrowRight':
        return cursor + 1
      case 'ArrowLeft':
        return cursor - 1
      case 'ArrowDown':
        return wordInNextLine(words, cursor, 1)
      case 'ArrowUp':
        return wordInNextLine(words, cursor, -1)
      case 'Home':
        return 0
      case 'End':
        return words.length - 1
      default:
        return undefined
    }
  }

  function moveTo(target: number): void {
    cursor = Math.min(Math.max(target, 0), words.length - 1)
    mark()
    words[cursor]?.element.scrollIntoView({ block: 'nearest' })
    const word = words[cursor]?.element
    options.onWord([word?.textContent, word?.ariaDescription].filter(Boolean).join(', '), false)
  }

  function pick(): void {
    const word = words[cursor]
    if (!word) return
    if (first === undefined) {
      first = cursor
      mark()
      options.onWord(word.element.textContent, true)
      return
    }
    const [from, to] = [words[Math.min(first, cursor)], words[Math.max(first, cursor)]]
    reset()
    if (from && to) options.onPick(from.start, to.end)
  }

  function reset(): void {
    first = undefined
    mark()
  }

  function mark(): void {
    const [from, to] =
      first === undefined ? [cursor, cursor - 1] : [Math.min(first, cursor), Math.max(first, cursor)]
    for (const [index, { element: word }] of words.entries()) {
      word.classList.toggle('cursor', index === cursor)
      word.classList.toggle('pending', index >= from && index <= to)
    }
  }

  return {
    root,
    show(text) {
      const made = wordsIn(text)
      words = made.words
      cursor = 0
      first = undefined
      root.replaceChildren(...made.nodes)
      mark()
    },
    label(passages) {
      for (const { start, end, element: word } of words) {
        const labels = passages.filter((passage) => passage.start < end && passage.end > start)
        word.role = labels.length === 0 ? null : 'mark'
        word.ariaDescription = labels.map(({ label }) => label).join(', ') || null
      }
    },
  }
}
