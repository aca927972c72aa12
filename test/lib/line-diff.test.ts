import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { diffHunks } from '../../src/lib/line-diff.ts'

const shown = (oldText: string, newText: string, context?: number) =>
  diffHunks(oldText, newText, context).map(({ oldLine, newLine, lines }) => ({
    at: [oldLine, newLine],
    lines: lines.map(({ kind, text }) => `${{ same: ' ', removed: '-', added: '+' }[kind]}${text}`),
  }))

test('a changed line stands between the lines around it', () => {
  assert.deepEqual(shown('a\nb\nc\nd\ne', 'a\nb\nC\nd\ne', 1), [
    { at: [2, 2], lines: [' b', '-c', '+C', ' d'] },
  ])
})

test('changes far apart are hunks of their own, each with its lines', () => {
  const numbers = Array.from({ length: 30 }, (_, n) => String(n + 1))
  const changed = numbers.flatMap((line) => (line === '3' ? [] : line === '25' ? ['25', 'new'] : [line]))
  assert.deepEqual(shown(numbers.join('\n'), changed.join('\n')), [
    { at: [1, 1], lines: [' 1', ' 2', '-3', ' 4', ' 5', ' 6'] },
    { at: [23, 22], lines: [' 23', ' 24', ' 25', '+new', ' 26', ' 27', ' 28'] },
  ])
})

test('equal texts have no hunks, an empty text gives way to another', () => {
  assert.deepEqual(shown('a\nb', 'a\nb'), [])
  assert.deepEqual(shown('', 'a'), [{ at: [1, 1], lines: ['-', '+a'] }])
})

test('texts with nothing in common in thousands of lines are replaced whole, and soon', () => {
  const one = Array.from({ length: 20_000 }, (_, n) => `old ${n}`).join('\n')
  const other = Array.from({ length: 20_000 }, (_, n) => `new ${n}`).join('\n')
  const [hunk, ...more] = diffHunks(one, other)
  assert.equal(hunk?.lines.length, 40_000)
  assert.equal(more.length, 0)
})

test('whatever the texts, the difference holds both of them, in as few changes as can be', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 12 }).map((lines) => lines.join('\n'))
  fc.assert(
    fc.property(text, text, (oldText, newText) => {
      const lines = diffHunks(oldText, newText, 100).flatMap((hunk) => hunk.lines)
      if (oldText === newText) return lines.length === 0
      const of = (kind: string) =>
        lines.filter((line) => line.kind === 'same' || line.kind === kind).map((line) => line.text)
      const changes = lines.filter(({ kind }) => kind !== 'same').length
      return (
        of('removed').join('\n') === oldText &&
        of('added').join('\n') === newText &&
        changes === fewestChanges(oldText.split('\n'), newText.split('\n'))
      )
    }),
  )
})

/** By the longest common subsequence, worked out the plain way. */
function fewestChanges(before: string[], after: string[]): number {
  let row = new Array<number>(after.length + 1).fill(0)
  for (const line of before) {
    const next = [0]
    after.forEach((other, n) => {
      next.push(line === other ? (row[n] ?? 0) + 1 : Math.max(row[n + 1] ?? 0, next[n] ?? 0))
    })
    row = next
  }
  return before.length + after.length - 2 * (row.at(-1) ?? 0)
}
