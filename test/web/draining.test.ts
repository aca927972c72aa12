import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDraining } from '../../src/web/draining.ts'

test('a process that nobody probes does not wait', async () => {
  const draining = createDraining()
  const began = performance.now()
  await draining.begin(60_000)
  assert.ok(draining.hasBegun)
  assert.ok(performance.now() - began < 5_000)
})

test('a process that is probed waits until every prober has heard no as often as it must', async () => {
  const draining = createDraining()
  draining.noteProbe({ prober: 'one', fall: 2 }, true)
  draining.noteProbe({ prober: 'two', fall: 1 }, true)
  let isOver = false
  const ended = draining.begin(60_000).then(() => (isOver = true))
  draining.noteProbe({ prober: 'one', fall: 2 }, false)
  draining.noteProbe({ prober: 'one', fall: 2 }, false)
  // Longer than it goes on serving once all have heard.
  await new Promise((resolve) => setTimeout(resolve, 400))
  assert.equal(isOver, false)
  draining.noteProbe({ prober: 'two', fall: 1 }, false)
  await ended
})

test('a prober that is silent is not waited for longer than is set', async () => {
  const draining = createDraining()
  draining.noteProbe({ prober: 'gone', fall: 2 }, true)
  await draining.begin(50)
  assert.ok(draining.hasBegun)
})
