const LF = 10
const CR = 13

/** Line breaks in a text: LF, CR, and CRLF as one. */
export function countLineBreaks(text: string): number {
  let count = 0
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === LF || (code === CR && text.charCodeAt(index + 1) !== LF)) count++
  }
  return count
}
