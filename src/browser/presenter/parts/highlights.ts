import { UserSelectAction, createTextAnnotator } from '@recogito/text-annotator'
import type { TextAnnotator } from '@recogito/text-annotator'

export interface Passage {
  start: number
  end: number
  text: string
  label: string
}

export interface Highlights {
  show(passages: readonly Passage[]): void
  destroy(): void
}

/**
 * Highlights passages of a text, and tells which one was selected with the mouse or by a long press.
 *
 * @param colourOf a CSS colour for a label
 */
export function createHighlights(
  root: HTMLElement,
  colourOf: (label: string) => `#${string}`,
  onSelect: (start: number, end: number) => void,
): Highlights {
  const shown: TextAnnotator = createTextAnnotator(root, {
    renderer: 'SPANS',
    userSelectAction: UserSelectAction.NONE,
    style: ({ bodies }) => ({ fill: colourOf(bodies[0]?.value ?? ''), fillOpacity: 0.4 }),
  })
  shown.on('createAnnotation', ({ target }) => {
    const [selected] = target.selector
    // Only ours are shown: they have a label.
    shown.cancelSelected()
    document.getSelection()?.removeAllRanges()
    if (selected) onSelect(selected.start, selected.end)
  })

  return {
    show(passages) {
      shown.setAnnotations(
        passages.map(({ start, end, text, label }, index) => {
          const id = `passage-${index}`
          const selector = [{ start, end, quote: text, range: rangeIn(root, start, end) }]
          return {
            id,
            bodies: [{ id: `${id}-label`, annotation: id, purpose: 'tagging', value: label }],
            target: { annotation: id, selector },
          }
        }),
        true,
      )
    },
    destroy() {
      shown.destroy()
    },
  }
}

function rangeIn(root: HTMLElement, start: number, end: number): Range {
  const range = document.createRange()
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
  let at = 0
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const length = node.textContent?.length ?? 0
    if (start >= at && start < at + length) range.setStart(node, start - at)
    if (end > at && end <= at + length) {
      range.setEnd(node, end - at)
      break
    }
    at += length
  }
  return range
}
