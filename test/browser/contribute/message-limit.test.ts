import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMessageLimit } from '../../../src/browser/contribute/message-limit.ts'

test('a resize on every animation frame for a minute is within the limit', () => {
  const limit = createMessageLimit()
  for (let frame = 0; frame < 3_600; frame += 1) assert.equal(limit((frame * 1000) / 60), 'read')
})

test('a flood is dropped, and one that goes on stops the frame', () => {
  const limit = createMessageLimit()
  const verdicts = Array.from({ length: 5_000 }, () => limit(0))
  assert.equal(verdicts[0], 'read')
  assert.equal(verdicts[1_000], 'drop')
  assert.equal(verdicts.at(-1), 'stop')
})

test('a burst is forgiven after a pause', () => {
  const limit = createMessageLimit()
  for (let index = 0; index < 500; index += 1) limit(0)
  assert.equal(limit(1), 'drop')
  assert.equal(limit(10_000), 'read')
})
