import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

const LINES_MAX = 600

test('the deploy server without its page stays small enough to be read in one go', () => {
  const files = globSync('src/deploy/*.ts')
  const lines = files.flatMap((file) => readFileSync(file, 'utf8').split('\n'))
  // Neither blank nor part of a comment.
  const code = lines.filter((line) => !/^\s*($|\/\/|\/?\*)/.test(line))
  assert.ok(files.length > 0 && code.length < LINES_MAX, `${code.length} lines of code`)
})
