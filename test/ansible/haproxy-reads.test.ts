import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Server } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { startHaproxy } from '../support/haproxy.ts'
import type { Haproxy } from '../support/haproxy.ts'
import { eventually } from '../support/jobs.ts'
import { ownAddress, roleDefaults } from '../support/rendered.ts'
import type { Ending } from '../support/servers.ts'

const COUNT = 600

interface NamedServer {
  readonly name: string
  readonly address: string
  readonly role: 'primary' | 'replica'
  stop(): Promise<unknown>
}

/** Stands where a database and its pooler do, and tells its name to whoever comes. */
async function namedServer(t: Ending, name: string, role: NamedServer['role']): Promise<NamedServer> {
  const address = ownAddress()
  const defaults = roleDefaults('haproxy')
  const servers = await Promise.all(
    ['haproxy_pooler_port', 'haproxy_postgres_port'].map(async (port): Promise<Server> => {
      const server = createServer((socket) => {
        socket.on('error', () => undefined).end(name)
      })
      server.listen(defaults[port] as number, address)
      await once(server, 'listening')
      return server
    }),
  )
  const stop = () => Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  t.after(stop)
  return { name, address, role, stop }
}

async function start(t: Ending, share: number) {
  const servers = await Promise.all([
    namedServer(t, 'a', 'primary'),
    namedServer(t, 'b', 'replica'),
    namedServer(t, 'c', 'replica'),
  ])
  const haproxy = await startHaproxy(t, {
    databases: servers.map(({ name, address, role }) => ({ name, address, role })),
    values: { haproxy_has_patroni: false, haproxy_primary_read_share: share },
  })
  await Promise.all([haproxy.untilUp('primary', ['a']), haproxy.untilUp('replicas', ['b', 'c'])])
  return { haproxy, servers }
}

/** Resolves when all servers of a backend are known to be gone; who comes while HAProxy still counts is cut off. */
async function untilDown(haproxy: Haproxy, backend: string): Promise<void> {
  await eventually(async () => (await haproxy.servers(backend)).every(({ status }) => status === 'DOWN'))
}

/** Which server so many readers reached, one after the other in a few rows. */
async function whereReadsGo(haproxy: Haproxy, count = COUNT): Promise<Record<string, number>> {
  const { host, port } = haproxy.listener('read')
  const found: Record<string, number> = {}
  const row = async () => {
    for (let n = 0; n < count / 6; n += 1) {
      const name = await text(connect(port, host))
      found[name] = (found[name] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: 6 }, row))
  return found
}

test('of reads the primary gets the share that is set, and the replicas the rest alike', async (t) => {
  const { haproxy, servers } = await start(t, 20)
  const { a = 0, b = 0, c = 0 } = await whereReadsGo(haproxy)
  t.diagnostic(`primary ${a}, replicas ${b} and ${c} of ${COUNT}`)
  assert.equal(a + b + c, COUNT)
  // Chance spreads it by 10: 12 in 100,000 runs lie outside.
  assert.ok(Math.abs(a - 0.2 * COUNT) < 40, `${a} to the primary`)
  assert.ok(Math.min(b, c) > 0.25 * COUNT, `${b} and ${c} to the replicas`)

  await servers[0].stop()
  await untilDown(haproxy, 'primary')
  assert.equal((await whereReadsGo(haproxy, 60))['a'], undefined, 'without a primary its share is theirs')
})

test('without a share the primary gets no reads while there is a replica, and all when there is none', async (t) => {
  const { haproxy, servers } = await start(t, 0)
  assert.equal((await whereReadsGo(haproxy, 120))['a'], undefined)
  await servers[1].stop()
  await haproxy.untilUp('replicas', ['c'])
  await eventually(async () => (await haproxy.servers('replicas')).some(({ status }) => status === 'DOWN'))
  assert.deepEqual(await whereReadsGo(haproxy, 60), { c: 60 })
  await servers[2].stop()
  await untilDown(haproxy, 'replicas')
  assert.deepEqual(await whereReadsGo(haproxy, 60), { a: 60 })
})
