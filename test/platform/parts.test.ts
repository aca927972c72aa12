import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createLogger } from '../../src/platform/log.ts'
import { closeRedis, createRedis, untilReady } from '../../src/platform/redis.ts'
import { createSealer } from '../../src/platform/sealing.ts'
import { testRedis } from '../support/servers.ts'
import { startProgram } from '../support/started-site.ts'

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mh-parts-'))
  t.after(() => {
    rmSync(folder, { recursive: true })
  })
  return folder
}

const appKey = (id: string) => ({ id, key: Buffer.alloc(32, id) })

test('what is sealed opens for its purpose, while its key is kept and its time lasts', async () => {
  const sealer = createSealer([appKey('a')])
  const token = await sealer.seal('session', { sid: 1 }, 60)
  assert.deepEqual(await sealer.open('session', token), { sid: 1 })
  assert.equal(await sealer.open('another purpose', token), undefined)
  assert.equal(await sealer.open('session', `${token.slice(0, -4)}AAAA`), undefined)
  assert.equal(await sealer.open('session', 'nonsense'), undefined)
  assert.equal(await sealer.open('session', await sealer.seal('session', 1, -1)), undefined)
  assert.equal(await sealer.open('secret', await sealer.seal('secret', 'x', Infinity)), 'x')

  const rotated = createSealer([appKey('b'), appKey('a')])
  assert.deepEqual(await rotated.open('session', token), { sid: 1 })
  assert.equal(await createSealer([appKey('b')]).open('session', token), undefined)
  assert.throws(() => createSealer([]), /at least one key/)
})

test('what is signed is read by everybody and changed by nobody', () => {
  const sealer = createSealer([appKey('a')])
  const signed = sealer.sign('device', 'some.value')
  assert.equal(sealer.verify('device', signed), 'some.value')
  assert.equal(createSealer([appKey('b'), appKey('a')]).verify('device', signed), 'some.value')
  for (const forged of [signed.replace('some', 'other'), `${signed.slice(0, -2)}AA`, 'some.value', 'x', '']) {
    assert.equal(sealer.verify('device', forged), undefined)
  }
  assert.equal(sealer.verify('position', signed), undefined)
  assert.deepEqual(
    createSealer([appKey('b'), appKey('a')]).hash('address', '1.2.3.4'),
    sealer.hash('address', '1.2.3.4'),
  )
})

test('an error is logged with what helps, and without what a library hangs on it', async (t) => {
  const folder = newFolder(t)
  const script = join(folder, 'log.ts')
  const module = join(process.cwd(), 'src/platform/log.ts')
  writeFileSync(
    script,
    `import { createLogger } from ${JSON.stringify(module)}
     const error = Object.assign(new Error('outer', { cause: new TypeError('inner') }), {
       code: '23505', detail: 'Key', constraint: 'a_key', client: { password: 'secret' } })
     createLogger('web', 'info').warn({ err: error, user: { password: 'secret' } }, 'failed')
     createLogger('web', 'info').warn({ err: 'a text' }, 'failed')`,
  )
  const program = startProgram(script, [], {})
  assert.equal(await program.ends(), 0)
  const [first = '', second = ''] = program.output().split('\n')
  assert.ok(!first.includes('secret'))
  const { err } = JSON.parse(first) as { err: Record<string, unknown> }
  assert.deepEqual(
    [err['type'], err['message'], err['code'], err['detail'], err['constraint'], Object.keys(err).length],
    ['Error', 'outer', '23505', 'Key', 'a_key', 7],
  )
  assert.equal((err['cause'] as Record<string, unknown>)['type'], 'TypeError')
  assert.match(second, /"message":"a text"/)
})

test('Redis is reached by address; one that is away holds nobody up', async (t) => {
  const log = createLogger('test', 'silent')
  const { cacheUrl, prefix } = await testRedis(t)
  const redis = createRedis({ kind: 'address', url: cacheUrl }, 'cache', log)
  await untilReady(redis)
  await redis.set(`${prefix}:x`, '1')
  assert.equal(await redis.get(`${prefix}:x`), '1')
  await untilReady(redis)
  await closeRedis(redis)

  const addresses = [
    { kind: 'address', url: 'rediss://user:pass%20word@127.0.0.1:1/3' },
    { kind: 'address', url: 'redis://127.0.0.1' },
    { kind: 'sentinels', sentinels: [{ host: '127.0.0.1', port: 1 }], master: 'cache' },
  ] as const
  for (const address of addresses) {
    const away = createRedis(
      address.kind === 'sentinels' ? { ...address, sentinels: [...address.sentinels] } : address,
      'producer',
      log,
    )
    const began = Date.now()
    if (address.kind === 'sentinels' || address.url !== 'redis://127.0.0.1') {
      await untilReady(away, 200)
      await assert.rejects(away.get('x'))
    }
    assert.ok(Date.now() - began < 1_500)
    away.disconnect()
  }
})
