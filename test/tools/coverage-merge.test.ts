import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CoverageFile } from 'monocart-coverage-reports'
import { mergeCoverage, rangesOf, totalsOf } from './coverage-merge.ts'

const source = 'const a = 1\nif (a) b()\nelse c()\n'

interface Covered {
  lines: Record<string, number | string>
  branches?: { start: number; end: number; count: number; none?: boolean }[]
  sourcePath?: string
}

/** A file as the coverage library reports it; its own summaries are not read. */
function covered({ lines, branches = [], sourcePath = 'src/lib/a.ts' }: Covered): CoverageFile {
  const none = { covered: 0, total: 0, pct: '', status: 'unknown' } as const
  const summary = { statements: none, branches: none, functions: none, lines: none }
  return { sourcePath, source, summary, data: { lines, branches } }
}

test('what a browser ran counts for the lines and branches that Node’s tests did not', () => {
  const node = covered({
    lines: { 1: 1, 2: '1/2', 3: 0 },
    branches: [
      { start: 19, end: 22, count: 2 },
      { start: 28, end: 31, count: 0 },
    ],
  })
  const browser = covered({ lines: { 3: 4 }, branches: [{ start: 28, end: 31, count: 4 }] })
  const [alone] = mergeCoverage([node], [])
  assert.deepEqual([alone?.missedLines, alone?.missedBranches], [[3], [3]])
  const [both] = mergeCoverage([node], [browser])
  assert.deepEqual([both?.lines, both?.branches, both?.missedLines, both?.missedBranches], [3, 2, [], []])
})

test('a branch that is not written, an else, is told from the one at its place that is', () => {
  const node = covered({ lines: { 1: 1 }, branches: [{ start: 12, end: 22, count: 0, none: true }] })
  const taken = covered({ lines: { 1: 1 }, branches: [{ start: 12, end: 22, count: 3 }] })
  assert.deepEqual(mergeCoverage([node], [taken])[0]?.missedBranches, [2])
})

test('a file that nothing loaded counts whole', () => {
  const unloaded = covered({ lines: { 1: 0, 2: 0, 3: 0 }, branches: [{ start: 19, end: 22, count: 0 }] })
  const loaded = covered({ lines: { 1: 1 }, sourcePath: 'src/lib/b.ts' })
  assert.deepEqual(totalsOf(mergeCoverage([unloaded, loaded], [])), { linesPercent: 25, branchesPercent: 0 })
})

test('lines are shown as ranges', () => {
  assert.deepEqual(rangesOf([9, 3, 4, 5, 5]), ['3–5', '9'])
})
