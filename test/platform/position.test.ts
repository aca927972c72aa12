import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createCache } from '../../src/platform/cache.ts'
import { createLogger } from '../../src/platform/log.ts'
import { createPositionMemory } from '../../src/platform/position.ts'
import { eventually } from '../support/jobs.ts'
import { testRedis } from '../support/servers.ts'

async function setUp(t: TestContext, url?: string) {
  const { cacheUrl, prefix } = await testRedis(t)
  const cache = await createCache({ kind: 'address', url: url ?? cacheUrl }, createLogger('test', 'silent'))
  t.after(() => cache.close())
  return { cache, positions: createPositionMemory(cache, prefix), prefix }
}

test('the latest position of a caller is kept, whichever request tells last', async (t) => {
  const { cache, positions, prefix } = await setUp(t)
  assert.equal(await positions.positionFor(['key 1']), undefined)
  await positions.remember(['key 1'], '1/A0')
  await positions.remember(['key 1'], '1/9F')
  assert.equal(await positions.positionFor(['key 1']), '00000001/000000A0')
  await positions.remember(['key 1', 'external 7'], '10/0')
  assert.equal(await createPositionMemory(cache, prefix).positionFor(['key 1']), '00000010/00000000')
  await positions.remember(['external 7'], '11/0')
  assert.equal(await positions.positionFor(['key 1', 'nobody', 'external 7']), '00000011/00000000')
  // A commit that nobody knows the position of is behind all others.
  await positions.remember(['key 1'], 'unknown')
  await positions.remember(['key 1'], 'FFFFFFFF/0')
  assert.equal(await positions.positionFor(['key 1', 'external 7']), 'unknown')
  // After some seconds a position that is told covers it.
  await cache.ask((redis) => redis.expire(`${prefix}:position:key 1`, 20))
  await positions.remember(['key 1'], '12/0')
  assert.equal(await positions.positionFor(['key 1']), '00000012/00000000')
})

test('without a cache nobody can tell, and for a while after it was gone', async (t) => {
  const gone = await setUp(t, 'redis://127.0.0.1:1')
  assert.equal(await gone.positions.positionFor(['key 1']), 'away')
  // Given up after a moment: the others find the cache gone too.
  await gone.positions.remember(['key 1'], '1/1')

  const { cache, positions } = await setUp(t)
  await cache.ask(async (redis) =>
    redis.call('client', 'kill', 'id', await redis.client('ID'), 'skipme', 'no'),
  )
  await eventually(() => cache.ask((redis) => redis.ping()))
  assert.equal(await positions.positionFor(['key 1']), 'away')
})
