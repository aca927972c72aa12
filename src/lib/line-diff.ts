import { structuredPatch } from 'diff'

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

const KINDS: Record<string, DiffLine['kind'] | undefined> = { ' ': 'same', '-': 'removed', '+': 'added' }

/**
 * The lines in which two texts differ, as `diff -u` shows them.
 *
 * @param context so many equal lines stand around each change.
 */
export function diffHunks(oldText: string, newText: string, context = 3): DiffHunk[] {
  const options = { context, maxEditLength: CHANGES_MAX }
  // With an end to each last line, an empty text is one empty line.
  const patch = structuredPatch('', '', `${oldText}\n`, `${newText}\n`, '', '', options)
  if (!patch) return [replaced(oldText, newText)]
  return patch.hunks.map(({ oldStart, newStart, lines }) => ({
    oldLine: oldStart,
    newLine: newStart,
    lines: lines.map((line) => ({ kind: KINDS[line[0] ?? ''] ?? 'same', text: line.slice(1) })),
  }))
}

function replaced(oldText: string, newText: string): DiffHunk {
  const linesOf = (text: string, kind: DiffLine['kind']) =>
    text.split('\n').map((line): DiffLine => ({ kind, text: line }))
  return { oldLine: 1, newLine: 1, lines: [...linesOf(oldText, 'removed'), ...linesOf(newText, 'added')] }
}
