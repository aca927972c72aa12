import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLogger } from '../../src/platform/log.ts'
import { startLoop } from '../../src/platform/loop.ts'
import { eventually } from '../support/jobs.ts'

const log = createLogger('test', 'silent')

test('rounds of a loop never overlap', async () => {
  let running = 0
  let most = 0
  let rounds = 0
  const loop = startLoop(
    'test',
    1,
    async () => {
      running += 1
      most = Math.max(most, running)
      await sleep(5)
      running -= 1
      rounds += 1
      return false
    },
    log,
  )
  await eventually(() => rounds > 5)
  await loop.stop()
  assert.equal(most, 1)
})

test('a round that fails is followed by others', async () => {
  let rounds = 0
  const loop = startLoop(
    'test',
    5,
    () => {
      rounds += 1
      return rounds < 3 ? Promise.reject(new Error('the database is away')) : Promise.resolve(false)
    },
    log,
  )
  await eventually(() => rounds > 4)
  await loop.stop()
})

test('a loop with more to do does not pause, and stops when it is told to', async () => {
  let rounds = 0
  const loop = startLoop('test', 60_000, () => Promise.resolve((rounds += 1) < 5), log)
  await eventually(() => rounds === 5)
  await loop.stop()
  assert.equal(rounds, 5)
})
