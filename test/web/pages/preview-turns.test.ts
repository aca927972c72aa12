import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPreviewTurns } from '../../../src/web/pages/preview-turns.ts'

test('each person has one turn at a time and a process a few; whoever is done, or failed, makes room', async () => {
  const inTurn = createPreviewTurns()
  const { promise: end, resolve: letEnd } = Promise.withResolvers<string>()
  const first = inTurn(1, () => end)
  await assert.rejects(
    inTurn(1, () => Promise.resolve('read')),
    { kind: 'too-many', retryAfter: 10, message: /still reading your file/ },
  )
  const others = [2, 3].map((userId) => inTurn(userId, () => end))
  await assert.rejects(
    inTurn(4, () => Promise.resolve('read')),
    /Many large files/,
  )
  letEnd('read')
  assert.deepEqual(await Promise.all([first, ...others]), ['read', 'read', 'read'])
  await assert.rejects(
    inTurn(1, () => Promise.reject(new Error('broken'))),
    /broken/,
  )
  assert.equal(await inTurn(1, () => Promise.resolve('again')), 'again')
})
