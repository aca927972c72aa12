const LF = 10
const CR = 13

/** Line breaks in a text, or between two places in it: LF, CR, and CRLF as one. */
export function countLineBreaks(text: string, from = 0, to = text.length): number {
  let count = 0
  for (let index = from; index < to; index++) {
    const code = text.charCodeAt(index)
    if (code === LF || (code === CR && (index + 1 === to || text.charCodeAt(index + 1) !== LF))) count++
  }
  return count
}

/** The lines of a text, whichever of the three breaks stand between them. */
export function splitLines(text: string): string[] {
  return text.split(/\r\n?|\n/)
}
