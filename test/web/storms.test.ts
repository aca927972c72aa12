import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import pg from 'pg'
import { DATABASE } from '../../src/bin/local/postgres-database.ts'
import type { Body } from '../support/api.ts'
import { startTestApp } from '../support/app.ts'
import { publishedProject } from '../support/builders.ts'
import { startDatabaseHost } from '../support/database-host.ts'
import { lastFirst, untilFileEnds } from '../support/file-ending.ts'
import { startHaproxy } from '../support/haproxy.ts'
import { eventually } from '../support/jobs.ts'
import type { Ending } from '../support/servers.ts'

/** Limits that a few connections reach, where hosts have hundreds. */
const AT_ONCE = 2
const CLIENTS = 20
const THROUGH_HAPROXY = 6

const ending = lastFirst(untilFileEnds())
const root = mkdtempSync(join(tmpdir(), 'mh-w-'))
ending.after(() => {
  rmSync(root, { recursive: true, force: true })
})
const host = await startDatabaseHost(ending, 'a', {
  root,
  poolerValues: {
    pgbouncer_pool_size: AT_ONCE,
    pgbouncer_reserve_pool_size: 0,
    pgbouncer_max_clients: CLIENTS,
    pgbouncer_query_wait_timeout: 1,
  },
})
const haproxy = await startHaproxy(ending, {
  databases: [{ name: 'a', address: host.address, role: 'primary' }],
  values: { haproxy_has_patroni: false, haproxy_database_maxconn: THROUGH_HAPROXY },
})
await haproxy.untilUp('primary', ['a'])
const through = (listener: 'write' | 'read' | 'direct', role: string) => {
  const { host: name, port } = haproxy.listener(listener)
  return `postgresql://${role}@${name}:${port}/${DATABASE}`
}
const site = await startTestApp(ending, {
  DATABASE_WRITE_URL: through('write', 'app_rw'),
  DATABASE_READ_URL: through('read', 'app_ro'),
  DATABASE_DIRECT_URL: through('direct', 'migrator'),
  // So that each test begins without connections.
  DATABASE_POOL_LIFETIME_SECONDS: '1',
  LOG_LEVEL: 'silent',
})
const owner = await site.user()
const project = await publishedProject(site, owner, { tasks: 1 })

/** Somebody else's connections, as many as there may be of them or so many, until they are let go. */
async function hold(t: Ending, url: string, count = Infinity): Promise<{ letGo: () => Promise<void> }> {
  await eventually(async () => (await haproxy.servers('primary')).every(({ sessions }) => sessions === 0))
  const held: pg.Client[] = []
  const letGo = async () => {
    await Promise.all(held.splice(0).map((client) => client.end()))
  }
  t.after(letGo)
  while (held.length < count) {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => undefined)
    try {
      await client.connect()
    } catch (error) {
      assert.match(String(error), /no more connections allowed/)
      break
    }
    // Both keep a connection to PostgreSQL where there are no more than these.
    if (count === AT_ONCE) await client.query('begin')
    held.push(client)
  }
  return { letGo }
}

function newTask(): Promise<Response> {
  return fetch(`${site.url}/api/task`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: owner.apiKey },
    body: JSON.stringify({ project_id: project.id, info: {} }),
  })
}

/** A few at once are told to come again, in the form that they ask for; soon, before a proxy gives up on them. */
async function assertToldToWait(): Promise<void> {
  const began = performance.now()
  const [page, ...answers] = await Promise.all([
    fetch(`${site.url}/account/signin`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'text/html' },
      body: new URLSearchParams({ email: 'nobody@example.org', password: 'four plain wrong words' }),
    }),
    ...Array.from({ length: 5 }, newTask),
  ])
  for (const answer of [page, ...answers]) {
    assert.equal(answer.status, 503)
    assert.match(String(answer.headers.get('retry-after')), /^\d+$/)
  }
  assert.match(await page.text(), /<h1/)
  for (const answer of answers)
    assert.equal(((await answer.json()) as Body)['exception_cls'], 'ServiceUnavailable')
  assert.ok(performance.now() - began < 25_000)
}

/** Nothing has to be started again, and the site never said that it could only be read. */
async function assertAllIsWell(): Promise<void> {
  await eventually(async () => (await newTask()).status === 200)
  const page = await fetch(`${site.url}/project/`)
  assert.deepEqual([page.status, page.headers.get('x-read-only')], [200, null])
}

test('who waits in vain for a connection to PostgreSQL is told to come again, and reads go on', async (t) => {
  const { letGo } = await hold(t, host.pooler.url('app_rw'), AT_ONCE)
  await assertToldToWait()
  const page = await fetch(`${site.url}/project/`)
  assert.deepEqual([page.status, page.headers.get('x-read-only')], [200, null])
  await letGo()
  await assertAllIsWell()
})

test('who finds the pooler with all the clients it takes is told to come again', async (t) => {
  const { letGo } = await hold(t, host.pooler.url('app_rw'))
  await assertToldToWait()
  await letGo()
  await assertAllIsWell()
})

test("who stands in HAProxy's queue for longer than a pool waits is told to come again", async (t) => {
  const { letGo } = await hold(t, through('write', 'app_rw'), THROUGH_HAPROXY)
  await assertToldToWait()
  await letGo()
  await assertAllIsWell()
})

test('of a storm beyond every limit nobody is cut off, and all who come again are served', async (t) => {
  const { letGo } = await hold(t, host.pooler.url('app_ro'), CLIENTS - 3)
  const ask = async (n: number) => {
    const response = await (n % 2 === 0 ? newTask() : fetch(`${site.url}/api/task?project_id=${project.id}`))
    await response.text()
    assert.ok(response.status === 200 || response.headers.get('retry-after') !== null)
    return response.status
  }
  const statuses = await Promise.all(Array.from({ length: 200 }, (_, n) => ask(n)))
  const count = (status: number) => statuses.filter((one) => one === status).length
  t.diagnostic(`${count(200)} served, ${count(503)} told to wait`)
  assert.equal(count(200) + count(503), statuses.length)
  assert.ok(count(503) > 0)
  await letGo()
  await assertAllIsWell()
})
