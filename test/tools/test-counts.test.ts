import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { sumOfCounts } from './test-counts.ts'
import type { CountsOfFiles } from './test-counts.ts'

/** Runs a test file with our two reporters and gives what each wrote: the counts of that file. */
function run(t: { after(end: () => void): void }, code: string) {
  const folder = mkdtempSync(join(tmpdir(), 'manyhands-counts-'))
  t.after(() => {
    rmSync(folder, { recursive: true })
  })
  const file = join(folder, 'a.test.ts')
  writeFileSync(file, `import { describe, test } from 'node:test'\n${code}`)
  const reporters = ['test-counts', 'test-reporter'].flatMap((name, index) => [
    `--test-reporter=${resolve('test/tools', `${name}.ts`)}`,
    `--test-reporter-destination=${index === 0 ? 'stdout' : 'stderr'}`,
  ])
  // Without the variable by which the runner knows its own test files, or it would report to this run.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { stdout, stderr } = spawnSync(process.execPath, ['--test', ...reporters, file], {
    env,
    encoding: 'utf8',
  })
  const files = JSON.parse(stdout) as CountsOfFiles
  assert.deepEqual(Object.keys(files), [relative(process.cwd(), file)])
  return { counts: sumOfCounts(Object.values(files)), report: stderr }
}

test('tests are counted, not suites, nor parents that failed by a test within', (t) => {
  const { counts, report } = run(
    t,
    `test('fine', () => {})
     describe('suite', () => { test('wrong', () => { throw new Error('the reason') }) })
     test('parent', (t) => t.test('child', () => { throw new Error('of the child') }))`,
  )
  assert.deepEqual(counts, { passed: 1, failed: 2, skipped: 0 })
  assert.match(report, /FAIL .*a\.test\.ts: wrong\n\s+Error: the reason/)
  assert.match(report, /1 passed, 2 failed/)
})

test('skipped tests and those still to be done are told with their reason', (t) => {
  const { counts, report } = run(
    t,
    `test('one', { skip: 'no browser' }, () => {})
     test('two', (t) => t.skip())
     test('three', { todo: true }, () => { throw new Error('not yet') })`,
  )
  assert.deepEqual(counts, { passed: 0, failed: 0, skipped: 3 })
  assert.match(report, /skip .*: one: no browser/)
})

test('a file that cannot be loaded fails', (t) => {
  assert.deepEqual(run(t, `throw new Error('at load')`).counts, { passed: 0, failed: 1, skipped: 0 })
})
