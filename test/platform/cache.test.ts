import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { findRedis, startRedis } from '../../src/bin/local/redis.ts'
import { createCache } from '../../src/platform/cache.ts'
import { createLogger } from '../../src/platform/log.ts'
import { createMemory } from '../../src/platform/memory.ts'
import type { Memory } from '../../src/platform/memory.ts'
import { startRedisGroup } from '../support/sentinels.ts'
import { cacheFolder, testRedis } from '../support/servers.ts'

const log = createLogger('test', 'silent')
const FIGURE = { name: 'figure', version: 1, freshSeconds: 60, staleSeconds: 60 }

async function ownServer(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'mh-cache-'))
  const server = await startRedis(await findRedis(cacheFolder()), {
    folder,
    socket: join(folder, 's'),
    use: 'cache',
  })
  t.after(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return server
}

async function ownCache(t: TestContext) {
  const server = await ownServer(t)
  const cache = await createCache({ kind: 'address', url: server.url }, log)
  t.after(() => cache.close())
  return { server, cache }
}

async function sharedMemories(t: TestContext, count: number) {
  const { cacheUrl, prefix } = await testRedis(t)
  const caches = await Promise.all(
    Array.from({ length: count }, () => createCache({ kind: 'address', url: cacheUrl }, log)),
  )
  t.after(() => Promise.all(caches.map((cache) => cache.close())))
  return caches.map((cache) => createMemory(cache, prefix, log))
}

test('a silent cache costs one request its patience and the next ones nothing, until it answers again', async (t) => {
  const { server, cache } = await ownCache(t)
  assert.equal(await cache.ask((redis) => redis.set('a', '1')), 'OK')
  let sent = 0
  const read = () =>
    cache.ask((redis) => {
      sent += 1
      return redis.get('a')
    })

  process.kill(server.pid, 'SIGSTOP')
  assert.equal(await read(), undefined)
  assert.equal(sent, 1)
  for (let request = 0; request < 100; request += 1) assert.equal(await read(), undefined)
  assert.equal(sent, 1)

  process.kill(server.pid, 'SIGCONT')
  while ((await read()) === undefined) await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(await read(), '1')
})

for (const first of ['ask', 'look'] as const) {
  test(`a request that begins with ${first} waits once for master and replica together`, async (t) => {
    const frozen: number[] = []
    // Before its servers are stopped, which takes that they run.
    t.after(() => {
      for (const pid of frozen) process.kill(pid, 'SIGCONT')
    })
    const [master, replica] = [await ownServer(t), await ownServer(t)]
    const at = ({ url }: typeof master) => ({ kind: 'address', url }) as const
    const cache = await createCache(at(master), log, at(replica))
    t.after(() => cache.close())
    let sent = 0
    const ping = (by: 'ask' | 'look') =>
      cache[by]((redis) => {
        sent += 1
        return redis.ping()
      })

    // Of the replica alone nobody waits to the end: the master replies.
    process.kill(replica.pid, 'SIGSTOP')
    assert.equal(await ping('look'), 'PONG')
    process.kill(replica.pid, 'SIGCONT')
    do sent = 0
    while ((await ping('look')) === 'PONG' && sent > 1)

    frozen.push(master.pid, replica.pid)
    for (const pid of frozen) process.kill(pid, 'SIGSTOP')
    assert.equal(await ping(first), undefined)
    sent = 0
    for (const by of ['look', 'ask', 'look'] as const) assert.equal(await ping(by), undefined)
    assert.equal(sent, 0, 'neither is waited for any more')
  })
}

test('all who ask at the same time, in all processes, wait for one making', async (t) => {
  const memories = await sharedMemories(t, 3)
  let made = 0
  const make = async () => {
    made += 1
    const mine = made
    await new Promise((resolve) => setTimeout(resolve, 120))
    return { mine }
  }
  const asked = memories.flatMap((memory) => [1, 2, 3].map(() => memory.get(FIGURE, 'x', make)))
  assert.deepEqual(new Set((await Promise.all(asked)).map(({ mine }) => mine)), new Set([1]))
  assert.equal(made, 1)
})

test('who loses the cache servers while making a value holds up nobody afterwards', async (t) => {
  const server = await ownServer(t)
  const open = () => createCache({ kind: 'address', url: server.url }, log)
  const caches = await Promise.all([open(), open()])
  t.after(() => Promise.all(caches.map((cache) => cache.close())))
  const answers = async () => {
    const replies = await Promise.all(caches.map((cache) => cache.ask((redis) => redis.ping())))
    return replies.every((reply) => reply === 'PONG')
  }
  const [first, second] = caches.map((cache) => createMemory(cache, 'held', log))
  await first?.get(FIGURE, 'a', async () => {
    process.kill(server.pid, 'SIGSTOP')
    while (await answers()) await sleep(20)
    return { by: 'first' }
  })
  process.kill(server.pid, 'SIGCONT')
  while (!(await answers())) await sleep(20)

  const patience = new AbortController()
  const value = await Promise.race([
    second?.get(FIGURE, 'a', () => Promise.resolve({ by: 'second' })),
    sleep(20_000, { by: 'nobody in time' }, { signal: patience.signal }),
  ])
  patience.abort()
  assert.deepEqual(value, { by: 'second' })
})

test('a making that takes long stays with who began it', async (t) => {
  const [first, second] = await sharedMemories(t, 2)
  const began = first?.get(FIGURE, 'long', () => sleep(5_000, { by: 'first' }))
  await sleep(100)
  const waited = second?.get(FIGURE, 'long', () => Promise.resolve({ by: 'second' }))
  assert.deepEqual(await Promise.all([began, waited]), [{ by: 'first' }, { by: 'first' }])
})

test('an old value is given out while one of those who ask makes a new one', async (t) => {
  const [memory] = await sharedMemories(t, 1)
  assert.ok(memory)
  const kind = { ...FIGURE, freshSeconds: 0 }
  let made = 0
  const make = () => Promise.resolve({ number: (made += 1) })
  assert.deepEqual(await memory.get(kind, 'x', make), { number: 1 })
  assert.deepEqual(await memory.get(kind, 'x', make), { number: 1 })
  let seen = { number: 1 }
  while (seen.number === 1) seen = await memory.get(kind, 'x', make)
  assert.equal(seen.number, 2)
})

test('a making that fails is told to who asked, and the next one tries again', async (t) => {
  const [memory] = await sharedMemories(t, 1)
  assert.ok(memory)
  await assert.rejects(
    memory.get(FIGURE, 'x', () => Promise.reject(new Error('no'))),
    /no/,
  )
  assert.deepEqual(await memory.get(FIGURE, 'x', () => Promise.resolve({ ok: true })), { ok: true })
})

test('a making that gives nothing is told to who asked, and not kept', async (t) => {
  const [memory] = await sharedMemories(t, 1)
  assert.ok(memory)
  const nothing = () => Promise.resolve<{ ok: boolean } | undefined>(undefined)
  assert.equal(await memory.get(FIGURE, 'x', nothing), undefined)
  assert.deepEqual(await memory.get(FIGURE, 'x', () => Promise.resolve({ ok: true })), { ok: true })
})

test('what a value is made of changes: everywhere a new one is made, which sees the change', async (t) => {
  const [one, other] = await sharedMemories(t, 2)
  assert.ok(one && other)
  const from: (string | undefined)[] = []
  const get = (memory: Memory, key: string, of: string[]) =>
    memory.get(
      FIGURE,
      key,
      (position) => {
        from.push(position)
        return Promise.resolve({ made: from.length })
      },
      of,
    )
  assert.deepEqual(await get(one, 'x', ['a', 'b']), { made: 1 })
  assert.deepEqual(await get(other, 'x', ['a', 'b']), { made: 1 })
  await other.changed(['b'], '0/16B3748')
  await other.changed(['a'], '0/5')
  assert.deepEqual(await get(one, 'x', ['a', 'b']), { made: 2 })
  assert.deepEqual(await get(other, 'x', ['a', 'b']), { made: 2 })
  await one.changed(['c'])
  await one.changed([])
  assert.deepEqual(await get(other, 'x', ['a', 'b']), { made: 2 })
  assert.deepEqual(from, [undefined, '0/16B3748'])
  assert.deepEqual(one.lookups.get('figure'), { fresh: 0, stale: 0, made: 2, waited: 0, own: 0 })
  assert.deepEqual(other.lookups.get('figure'), { fresh: 3, stale: 0, made: 0, waited: 0, own: 0 })
})

test('what a value is made of changes while it is being made: it is not kept', async (t) => {
  const [one, other] = await sharedMemories(t, 2)
  assert.ok(one && other)
  const begun = Promise.withResolvers<undefined>()
  const mayEnd = Promise.withResolvers<undefined>()
  const made = async () => {
    begun.resolve(undefined)
    await mayEnd.promise
    return { state: 'before' }
  }
  const before = one.get(FIGURE, 'x', made, ['a'])
  await begun.promise
  await other.changed(['a'])
  const after = () => Promise.resolve({ state: 'after' })
  // Nobody who asks after the change waits for what was begun before it.
  assert.deepEqual(await other.get(FIGURE, 'x', after, ['a']), { state: 'after' })
  mayEnd.resolve(undefined)
  assert.deepEqual(await before, { state: 'before' })
  assert.deepEqual(await one.get(FIGURE, 'x', made, ['a']), { state: 'after' })
})

test('without a cache each process remembers for itself', async (t) => {
  const { server, cache } = await ownCache(t)
  const memory = createMemory(cache, 'p', log)
  await server.stop()
  let made = 0
  const make = () => Promise.resolve({ number: (made += 1) })
  for (let times = 0; times < 3; times += 1) {
    assert.deepEqual(await memory.get(FIGURE, 'x', make, ['a']), { number: 1 })
  }
  await memory.changed(['a'])
  assert.deepEqual(await memory.get(FIGURE, 'x', make, ['a']), { number: 2 })
  const nothing = () => Promise.resolve<{ number: number } | undefined>(undefined)
  assert.equal(await memory.get(FIGURE, 'y', nothing), undefined)
  assert.deepEqual(memory.lookups.get('figure'), { fresh: 0, stale: 0, made: 3, waited: 0, own: 2 })
})

test('while there is no master, values are read from the replica on this host', async (t) => {
  const group = await startRedisGroup()
  const reads = { kind: 'address', url: `redis://127.0.0.1:${group.replicaPort}` } as const
  const cache = await createCache(group.endpoint, log, reads)
  t.after(async () => {
    await cache.close()
    await group.end()
  })
  const memory = createMemory(cache, 'p', log)
  let made = 0
  const make = () => Promise.resolve({ number: (made += 1) })
  await memory.get(FIGURE, 'x', make)
  while ((await cache.look((redis) => redis.exists('p:figure-1:x'))) !== 1) continue
  await group.killMaster()
  assert.deepEqual(await memory.get(FIGURE, 'x', make), { number: 1 })
  assert.equal(await cache.ask((redis) => redis.set('a', '1')), undefined)
  // There was none, and nowhere to keep it but here.
  assert.deepEqual(await memory.get(FIGURE, 'y', make), { number: 2 })
  assert.deepEqual(await memory.get(FIGURE, 'y', make), { number: 2 })
})

test('what the replica has not heard of yet is asked of the master, and not made again', async (t) => {
  const [{ server: master }, replica] = await Promise.all([ownCache(t), ownServer(t)])
  // One that hears nothing at all.
  const reads = { kind: 'address', url: replica.url } as const
  const cache = await createCache({ kind: 'address', url: master.url }, log, reads)
  t.after(() => cache.close())
  const memory = createMemory(cache, 'p', log)
  let made = 0
  const make = () => Promise.resolve({ number: (made += 1) })
  for (let n = 0; n < 3; n += 1) assert.deepEqual(await memory.get(FIGURE, 'x', make), { number: 1 })
  assert.deepEqual(memory.lookups.get('figure'), { fresh: 2, stale: 0, made: 1, waited: 0, own: 0 })
})

test('what changes while there is no master is told as soon as there is one', async (t) => {
  const group = await startRedisGroup()
  const reads = { kind: 'address', url: `redis://127.0.0.1:${group.replicaPort}` } as const
  const [near, far] = await Promise.all([
    createCache(group.endpoint, log, reads),
    createCache(group.endpoint, log),
  ])
  t.after(async () => {
    await Promise.all([near.close(), far.close()])
    await group.end()
  })
  const [one, other] = [createMemory(near, 'p', log), createMemory(far, 'p', log)]
  const give = (memory: Memory, state: string) =>
    memory.get(FIGURE, 'x', () => Promise.resolve({ state }), ['a'])
  await give(one, 'before')
  while ((await near.look((redis) => redis.exists('p:figure-1:x'))) !== 1) continue

  const old = await group.masterPort()
  await group.killMaster()
  await one.changed(['a'])
  assert.deepEqual(await give(one, 'meanwhile'), { state: 'meanwhile' }, 'the replica’s is old')
  await group.untilMasterIsNot(old)
  while ((await far.ask((redis) => redis.set('b', '2'))) !== 'OK')
    await new Promise((resolve) => setTimeout(resolve, 50))
  while ((await near.ask((redis) => redis.set('b', '2'))) !== 'OK')
    await new Promise((resolve) => setTimeout(resolve, 50))
  await give(one, 'after')
  assert.deepEqual(await give(other, 'after'), { state: 'after' })
})

for (const [fault, wound] of [
  ['killed', 'killMaster'],
  ['silent', 'freezeMaster'],
  ['replaced in order', 'failover'],
] as const) {
  test(`the cache goes on with the next master when the first is ${fault}`, async (t) => {
    const group = await startRedisGroup()
    const cache = await createCache(group.endpoint, log)
    t.after(async () => {
      await cache.close()
      await group.end()
    })
    assert.equal(await cache.ask((redis) => redis.set('a', '1')), 'OK')

    const old = await group.masterPort()
    await group[wound]()
    await group.untilMasterIsNot(old)
    const isBack = async () => (await cache.ask((redis) => redis.set('b', '2'))) === 'OK'
    while (!(await isBack())) await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(await cache.ask((redis) => redis.get('b')), '2')
  })
}
