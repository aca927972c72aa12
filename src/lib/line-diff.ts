/** A line of a difference: in both texts, in the old one only, or in the new one only. */
export interface DiffLine {
  kind: 'same' | 'removed' | 'added'
  text: string
}

/** A stretch of changes with some lines around it. Lines count from 1. */
export interface DiffHunk {
  oldLine: number
  newLine: number
  lines: DiffLine[]
}

/** Texts that differ in more lines than this are shown as one replaced by the other: looking further takes too long. */
const CHANGES_MAX = 1_000

/**
 * The lines in which two texts differ, as `diff -u` shows them.
 *
 * @param context so many equal lines stand around each change.
 */
export function diffHunks(oldText: string, newText: string, context = 3): DiffHunk[] {
  return hunksOf(diffLines(oldText.split('\n'), newText.split('\n')), context)
}

function diffLines(before: readonly string[], after: readonly string[]): DiffLine[] {
  const shorter = Math.min(before.length, after.length)
  let start = 0
  while (start < shorter && before[start] === after[start]) start += 1
  let end = 0
  while (end < shorter - start && before.at(-1 - end) === after.at(-1 - end)) end += 1
  return [
    ...linesOf('same', before.slice(0, start)),
    ...changedLines(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...linesOf('same', before.slice(before.length - end)),
  ]
}

function linesOf(kind: DiffLine['kind'], texts: readonly string[]): DiffLine[] {
  return texts.map((text) => ({ kind, text }))
}

/**
 * The shortest way from one list of lines to the other: E. Myers, An O(ND) Difference Algorithm and Its Variations
 * (1986). `reach` holds, for each diagonal (old minus new position), how far the old text was got through.
 */
function changedLines(before: readonly string[], after: readonly string[]): DiffLine[] {
  const replaced = [...linesOf('removed', before), ...linesOf('added', after)]
  if (before.length === 0 || after.length === 0) return replaced
  const rounds: Int32Array[] = []
  const most = Math.min(before.length + after.length, CHANGES_MAX)
  const reach = new Int32Array(2 * most + 3)
  const at = (diagonal: number) => reach[diagonal + most + 1] ?? 0
  for (let changes = 0; changes <= most; changes += 1) {
    rounds.push(reach.slice(most - changes, most + changes + 3))
    for (let diagonal = -changes; diagonal <= changes; diagonal += 2) {
      const comesDown = diagonal === -changes || (diagonal !== changes && at(diagonal - 1) < at(diagonal + 1))
      let old = comesDown ? at(diagonal + 1) : at(diagonal - 1) + 1
      while (old < before.length && before[old] === after[old - diagonal] && old - diagonal < after.length)
        old += 1
      reach[diagonal + most + 1] = old
      if (old >= before.length && old - diagonal >= after.length) return wayBack(before, after, rounds)
    }
  }
  return replaced
}

/** Follows the rounds from the end to the beginning. */
function wayBack(
  before: readonly string[],
  after: readonly string[],
  rounds: readonly Int32Array[],
): DiffLine[] {
  const lines: DiffLine[] = []
  let [old, fresh] = [before.length, after.length]
  for (let changes = rounds.length - 1; changes >= 0; changes -= 1) {
    const reach = rounds[changes]
    const at = (diagonal: number) => reach?.[diagonal + changes + 1] ?? 0
    const diagonal = old - fresh
    const comesDown = diagonal === -changes || (diagonal !== changes && at(diagonal - 1) < at(diagonal + 1))
    const previous = comesDown ? diagonal + 1 : diagonal - 1
    const oldStart = changes === 0 ? 0 : at(previous)
    const freshStart = changes === 0 ? 0 : oldStart - previous
    while (old > oldStart && fresh > freshStart) {
      old -= 1
      fresh -= 1
      lines.push({ kind: 'same', text: before[old] ?? '' })
    }
    if (changes === 0) break
    lines.push(
      comesDown
        ? { kind: 'added', text: after[freshStart] ?? '' }
        : { kind: 'removed', text: before[oldStart] ?? '' },
    )
    ;[old, fresh] = [oldStart, freshStart]
  }
  return lines.reverse()
}

function hunksOf(lines: readonly DiffLine[], context: number): DiffHunk[] {
  const hunks: DiffHunk[] = []
  let [oldLine, newLine] = [1, 1]
  let lastChange = -Infinity
  lines.forEach((line, index) => {
    const hunk = hunks.at(-1)
    if (line.kind !== 'same') {
      if (hunk && index - lastChange <= 2 * context + 1)
        hunk.lines.push(...lines.slice(lastChange + 1, index), line)
      else {
        closeHunk(hunk, lines, lastChange, context)
        const around = lines.slice(Math.max(0, index - context), index)
        hunks.push({
          oldLine: oldLine - around.length,
          newLine: newLine - around.length,
          lines: [...around, line],
        })
      }
      lastChange = index
    }
    if (line.kind !== 'added') oldLine += 1
    if (line.kind !== 'removed') newLine += 1
  })
  closeHunk(hunks.at(-1), lines, lastChange, context)
  return hunks
}

function closeHunk(
  hunk: DiffHunk | undefined,
  lines: readonly DiffLine[],
  lastChange: number,
  context: number,
): void {
  hunk?.lines.push(...lines.slice(lastChange + 1, lastChange + 1 + context))
}
