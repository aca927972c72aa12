import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { createLogger } from '../../src/platform/log.ts'
import { closeRedis, createRedis } from '../../src/platform/redis.ts'
import { WatchfulSentinelConnector } from '../../src/platform/sentinel-connector.ts'
import { startRedisGroup } from '../support/sentinels.ts'
import type { RedisGroup } from '../support/sentinels.ts'
import type { Ending } from '../support/servers.ts'

/** How late each answer of a sentinel comes, in milliseconds. */
const LATE_MS = 100

/** An address that leads to a port, from which each answer comes late. */
async function slowly(port: number) {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    sockets.add(near).add(far)
    near.on('error', () => far.destroy()).on('close', () => far.destroy())
    far.on('error', () => near.destroy()).on('close', () => near.destroy())
    near.on('data', (data) => far.write(data))
    far.on('data', (data) => void setTimeout(() => near.write(data), LATE_MS))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
  const end = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { address, end }
}

test('a switch of masters that is told while slow sentinels are asked for one ends no attempt to connect', async (t) => {
  const group = await startRedisGroup()
  const slow = await Promise.all(group.endpoint.sentinels.map(({ port }) => slowly(port)))
  const connector = new WatchfulSentinelConnector({
    sentinels: slow.map(({ address }) => address),
    sentinelPassword: group.endpoint.sentinelPassword,
    name: group.endpoint.master,
    sentinelCommandTimeout: 5_000,
    sentinelRetryStrategy: () => 10,
    connectTimeout: 5_000,
    disconnectTimeout: 500,
  })
  t.after(async () => {
    connector.disconnect()
    for (const { end } of slow) end()
    await group.end()
  })
  const tell = () => undefined
  ;(await connector.connect(tell)).destroy()

  const told = await untilAllTell(t, group)
  await group.killMaster()
  // As a client does that finds nobody at the old master's port: it asks the sentinels again and again.
  while (!told.byAll()) (await connector.connect(tell)).on('error', tell).destroy()
})

test('a client goes to a new master once, however many sentinels tell of it', async (t) => {
  const group = await startRedisGroup()
  t.after(() => group.end())
  const redis = createRedis(group.endpoint, 'worker', createLogger('test', 'silent'))
  t.after(() => closeRedis(redis))
  await once(redis, 'ready')
  const told = await untilAllTell(t, group)
  let times = 0
  redis.on('ready', () => (times += 1))
  // Nobody ends a connection: it is left for what the sentinels say.
  await group.freezeMaster()
  const next = group.untilMasterIsNot(await group.masterPort())
  assert.equal(await redis.ping(), 'PONG')
  while (!told.byAll()) await sleep(LATE_MS)
  assert.equal(times, 1)
  assert.equal(redis.stream.remotePort, await next)
})

/** Listens to what the sentinels tell of a new master. */
async function untilAllTell(t: Ending, { endpoint }: RedisGroup) {
  const told = new Set<number>()
  const { sentinels, sentinelPassword: password = '' } = endpoint
  for (const { port } of sentinels) {
    const listener = new Redis({ port, password })
    t.after(() => {
      listener.disconnect()
    })
    listener.on('message', () => void setTimeout(() => told.add(port), 3 * LATE_MS))
    await listener.subscribe('+switch-master')
  }
  return { byAll: () => told.size === sentinels.length }
}
