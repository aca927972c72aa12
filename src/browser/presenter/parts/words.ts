import { element } from '../elements.ts'

export interface Word {
  readonly start: number
  readonly end: number
  readonly element: HTMLElement
}

/** A text as nodes, each of its words an element; together they are the same text. */
export function wordsIn(text: string): { nodes: (Node | string)[]; words: Word[] } {
  const words: Word[] = []
  const nodes = segmentsOf(text).map(({ segment, index, isWord }) => {
    if (!isWord) return segment
    const made = element('span', { class: 'word' }, segment)
    words.push({ start: index, end: index + segment.length, element: made })
    return made
  })
  return { nodes, words }
}

function segmentsOf(text: string): { segment: string; index: number; isWord: boolean }[] {
  if ('Segmenter' in Intl) {
    const segmenter = new Intl.Segmenter(undefined, { granularity: 'word' })
    return [...segmenter.segment(text)].map(({ segment, index, isWordLike }) => ({
      segment,
      index,
      isWord: isWordLike === true,
    }))
  }
  return [...text.matchAll(/[\p{L}\p{M}\p{N}]+|[^\p{L}\p{M}\p{N}]+/gu)].map(({ 0: segment, index }) => ({
    segment,
    index,
    isWord: /^[\p{L}\p{M}\p{N}]/u.test(segment),
  }))
}

/** The word above or below another one on the screen: the nearest of the next line. */
export function wordInNextLine(words: readonly Word[], from: number, direction: 1 | -1): number {
  const box = words[from]?.element.getBoundingClientRect()
  if (!box) return from
  let best = from
  let bestTop = Number.NaN
  let bestDistance = Number.POSITIVE_INFINITY
  for (let at = from + direction; at >= 0 && at < words.length; at += direction) {
    const { top, left } = words[at]?.element.getBoundingClientRect() ?? box
    if ((top - box.top) * direction < box.height / 2) continue
    if (Math.abs(top - bestTop) > box.height / 2) break
    bestTop = top
    const distance = Math.abs(left - box.left)
    if (distance < bestDistance) [best, bestDistance] = [at, distance]
  }
  return best
}
