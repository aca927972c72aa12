import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { DATABASE } from '../../src/bin/local/postgres-database.ts'
import { socketUrl } from '../../src/bin/local/postgres.ts'
import { migrate } from '../../src/platform/migrate.ts'
import { createLogger } from '../../src/platform/log.ts'
import type { Body } from '../support/api.ts'
import { startTestApp } from '../support/app.ts'
import { publishedProject } from '../support/builders.ts'
import { startChain, startChainWeb } from '../support/chain.ts'
import { lastFirst, untilFileEnds } from '../support/file-ending.ts'
import { eventually } from '../support/jobs.ts'
import { startNginx } from '../support/nginx.ts'
import {
  MARKS,
  changeAndRead,
  contributeExternally,
  sessionOf,
  writeAndRead,
  writeTwiceAndRead,
} from '../support/own-writes.ts'
import { contributing, startLoad } from '../support/steady-load.ts'
import type { Ask } from '../support/steady-load.ts'

const ending = lastFirst(untilFileEnds())
const chain = await startChain(ending, { webProcesses: 2 })
const site = await startTestApp(ending, {
  ...chain.env,
  LOG_LEVEL: 'error',
  DATABASE_POOL_LIFETIME_SECONDS: '2',
})
const owner = await site.user()
const project = await publishedProject(site, owner, { tasks: 200, redundancy: 100 })
// To these no replica is near enough to say who somebody is; to the application in this process it is.
const web = await startChainWeb(ending, chain, { ...site.env, DATABASE_TRUSTED_LAG_SECONDS: '0' })
const WEB = chain.webPorts.map((port) => `web-${port}`)
const urls = chain.webPorts.map((port) => `http://${chain.webAddress}:${port}`)

test('what a role may do is the same wherever the listeners lead', async () => {
  const ask = async (url: string | undefined, text: string) => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    try {
      return (await client.query<{ is: unknown }>(text)).rows[0]?.is
    } finally {
      await client.end()
    }
  }
  const { DATABASE_WRITE_URL: write, DATABASE_READ_URL: read, DATABASE_DIRECT_URL: direct } = chain.env
  assert.equal(await ask(write, 'select not pg_is_in_recovery() as is'), true)
  assert.equal(await ask(read, 'select pg_is_in_recovery() as is'), true)
  assert.deepEqual(await migrate(direct ?? '', createLogger('test', 'silent')), [])
  // When reads fall back to the primary they still cannot write.
  const onPrimary = read?.replace(new URL(read).host, new URL(write ?? '').host)
  await assert.rejects(ask(onPrimary, `update project set name = 'x' returning true as is`), {
    code: '25006',
  })
})

test('nobody misses what he wrote, by cookie, header or key, whichever process and replica answers', async () => {
  await chain.replicas[0].lag(30_000)
  try {
    const session = await sessionOf(urls[0] ?? '', owner)
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, async (_, person) => {
        const shown: boolean[] = []
        for (let n = 0; n < 6; n += 1) {
          const mark = MARKS[(person + n) % MARKS.length] ?? 'key'
          shown.push(await writeAndRead({ owner, projectId: project.id, urls }, mark, session))
        }
        return shown
      }),
    )
    assert.ok(outcomes.flat().every(Boolean))
  } finally {
    await chain.replicas[0].lag(0)
  }
})

test('nobody misses what he wrote under another name of his, or in a request beside the one it was answered by', async () => {
  const session = await sessionOf(urls[0] ?? '', owner)
  const token = await projectToken()
  const writes = { owner, projectId: project.id, urls }
  const before = await contributeExternally(writes, token)
  const isShown = () => fetch(`${urls[0] ?? ''}/api/taskrun/${before.id}`).then(({ ok }) => ok)
  await eventually(isShown)
  await Promise.all(chain.replicas.map((replica) => replica.lag(30_000)))
  try {
    assert.ok(await changeAndRead(writes, before), 'by key, with the name of somebody else in the query')
    assert.ok((await contributeExternally(writes, token)).isCounted, 'named in the body alone')
    assert.ok(await writeTwiceAndRead(writes, session), 'by the cookie of the earlier answer')
  } finally {
    await Promise.all(chain.replicas.map((replica) => replica.lag(0)))
  }
})

/** Nobody who asks while something happens, and a little longer, notices it. */
async function unnoticed(happens: () => Promise<unknown>): Promise<void> {
  const load = startLoad(web.url, 6, reading())
  await eventually(() => load.answered() > 20)
  await happens()
  const before = load.answered()
  await eventually(() => load.answered() > before + 20)
  assert.deepEqual([...(await load.stop())], [])
}

/** Both replicas have connections again. */
async function untilBalanced(): Promise<void> {
  await eventually(async () => {
    const servers = await chain.haproxy.servers('replicas')
    return servers.filter(({ sessions }) => sessions > 0).length === 2
  })
}

test('all replicas may stop and start: no request fails, and both get reads again', () =>
  unnoticed(async () => {
    await Promise.all(chain.replicas.map((replica) => replica.stop()))
    await chain.haproxy.untilUp('replicas', [])
    await Promise.all(chain.replicas.map((replica) => replica.start()))
    await untilBalanced()
  }))

test('the poolers of the replicas may be killed: no request fails', () =>
  unnoticed(async () => {
    for (const { pooler } of chain.replicas) {
      await pooler.kill()
      await pooler.start()
    }
    await untilBalanced()
  }))

test('the pooler of the primary is missed at once, and writes go on when it is back', async () => {
  await chain.primary.pooler.kill()
  await chain.haproxy.untilUp('primary', [])
  const refused = await newTask()
  assert.equal(refused.status, 503)
  await chain.primary.pooler.start()
  await chain.haproxy.untilUp('primary', ['a'])
  assert.equal((await newTask()).status, 200)
})

test('HAProxy may be killed: its requests break, and those after its start do not', async () => {
  await chain.haproxy.kill()
  await assert.rejects(fetch(web.url))
  await chain.haproxy.start()
  await Promise.all([chain.haproxy.untilUp('web', WEB), chain.haproxy.untilUp('primary', ['a'])])
  assert.equal((await fetch(`${web.url}/project/`)).status, 200)
  assert.equal((await newTask()).status, 200)
})

test('three hundred who come at once are all served', async () => {
  const statuses = await Promise.all(
    Array.from({ length: 300 }, async () => {
      const response = await fetch(`${web.url}/api/project/${project.id}`)
      await response.text()
      return response.status
    }),
  )
  assert.deepEqual([...new Set(statuses)], [200])
})

test('clients that send slowly hold nothing up', async (t) => {
  const { hostname, port } = new URL(web.url)
  const slow = Array.from({ length: 50 }, () => connect(Number(port), hostname))
  t.after(() => {
    for (const socket of slow) socket.destroy()
  })
  await Promise.all(slow.map((socket) => once(socket, 'connect')))
  for (const socket of slow)
    socket.write('POST /api/task HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{')
  assert.equal((await newTask()).status, 200)
  const [open] = await chain.primary.query<{ n: number }>(
    `select count(*)::int as n from pg_stat_activity where usename = 'app_rw' and state like 'idle in transaction%'`,
  )
  assert.deepEqual(open, { n: 0 })
})

test('what somebody sent who went away before its commit is rolled back', async (t) => {
  const url = `${web.url}/api/project/${project.id}`
  const holder = new pg.Client({
    connectionString: socketUrl(chain.primary.socketFolder, DATABASE, 'postgres'),
  })
  await holder.connect()
  t.after(() => holder.end())
  await holder.query('begin')
  await holder.query('select from project where id = $1 for update', [project.id])
  const leaving = new AbortController()
  const sent = fetch(url, {
    method: 'PUT',
    signal: leaving.signal,
    headers: { 'content-type': 'application/json', authorization: owner.apiKey },
    body: JSON.stringify({ description: 'Of somebody who left' }),
  })
  const waits = `select from pg_stat_activity where wait_event_type = 'Lock' and usename = 'app_rw'`
  await eventually(async () => (await chain.primary.query(waits)).length > 0)
  leaving.abort()
  await assert.rejects(sent, { name: 'AbortError' })
  // HAProxy and the web process have to hear of it first.
  await sleep(300)
  await holder.query('commit')
  await eventually(async () => {
    const busy = `select from pg_stat_activity where usename = 'app_rw' and state <> 'idle'`
    return (await chain.primary.query(busy)).length === 0
  })
  const [row] = await chain.primary.query<{ description: string }>(
    'select description from project where id = $1',
    [project.id],
  )
  assert.notEqual(row?.description, 'Of somebody who left')
})

test('a web process is restarted while people contribute: no request fails', async () => {
  const load = startLoad(web.url, 2, contributing(project, await projectToken()))
  await web.restart(0)
  assert.deepEqual([...(await load.stop())], [])
  assert.ok(load.answered('POST') > 20, `${load.answered('POST')} task runs`)
})

test('with no database at all what needs none is served, also while a process is restarted, and the rest says so', async (t) => {
  const nginx = await startNginx(t, {
    nginx_upstreams: [new URL(web.url).host],
    nginx_assets_folder: site.env['ASSETS_DIR'],
    nginx_unlimited: ['127.0.0.1'],
  })
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${nginx.url}${path}`, { headers: { accept: 'text/html' }, ...init })
  const kept = `/project/${project.shortName}/`
  assert.equal((await ask(kept)).status, 200)
  const hosts = [chain.primary, ...chain.replicas]
  await Promise.all(hosts.map((host) => host.stop()))
  try {
    await Promise.all([chain.haproxy.untilUp('web', []), chain.haproxy.untilUp('web_without_database', WEB)])
    // A page that was made before, and those of which nothing is in the database.
    for (const path of [kept, '/about', '/help/privacy', '/account/signin'])
      assert.equal((await ask(path)).status, 200, path)
    const [page, answer, sent] = await Promise.all([
      ask('/project/nobody-asked-for-it/'),
      ask(`/api/project/${project.id}`),
      ask('/api/taskrun', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ project_id: project.id, task_id: 1, info: 'Yes' }),
      }),
    ])
    for (const { status, headers } of [page, answer, sent])
      assert.deepEqual([status, headers.get('retry-after')], [503, '5'])
    assert.match(await page.text(), /cannot reach its data at the moment/)
    for (const { exception_cls: errorClass } of [await answer.json(), await sent.json()] as Body[])
      assert.equal(errorClass, 'ServiceUnavailable')

    const load = startLoad(web.url, 2, (one) => one('/about'))
    await web.restart(0, 'web_without_database')
    assert.deepEqual([...(await load.stop())], [])
  } finally {
    await chain.primary.start()
    await Promise.all(chain.replicas.map((replica) => replica.start()))
  }
  await Promise.all([chain.haproxy.untilUp('web', WEB), chain.haproxy.untilUp('primary', ['a'])])
  await eventually(async () => (await newTask()).status === 200)
  // What follows asks replicas that follow the primary again.
  await chain.haproxy.untilUp('replicas', ['b', 'c'])
  for (const replica of chain.replicas)
    await eventually(async () => {
      const [row] = await replica.query<{ at: string | null }>('select pg_last_xact_replay_timestamp() as at')
      return row?.at != null
    })
})

test('without a primary pages are served and say so, writes are refused, and all is well after a promotion', async () => {
  const session = await sessionOf(web.url, owner)
  const [first, second] = chain.replicas
  const other = await site.user()
  const withKey = { headers: { authorization: other.apiKey } }
  assert.ok(owner.isAdmin)
  await chain.primary.stop()
  await chain.haproxy.untilUp('primary', [])
  for (const cookie of ['', session]) {
    const page = await eventually(async () => {
      const response = await fetch(`${web.url}/project/`, { headers: { cookie } })
      return response.headers.get('x-read-only') === 'yes' && response
    })
    assert.equal(page.status, 200)
    const text = await page.text()
    assert.match(text, /can only be read at the moment/)
    assert.ok(!text.includes(`Test ${owner.name}`), 'nobody can say whose session it is')
  }
  assert.equal((await fetch(`${web.url}/api/project/${project.id}`, withKey)).status, 503)
  const action = { method: 'POST', headers: { cookie: session }, redirect: 'manual' } as const
  assert.equal((await fetch(`${web.url}/account/signout`, action)).status, 503)

  // By a replica that is near people are known, and nobody is an admin.
  assert.equal((await fetch(`${site.url}/api/project/${project.id}`, withKey)).status, 200)
  assert.match((await other.http.get('/about').expect(200)).text, new RegExp(`Test ${other.name}`))
  // What the primary said just before may be remembered.
  await eventually(async () => (await owner.http.get('/admin/featured')).status === 403)
  const refused = await newTask()
  assert.equal(refused.status, 503)
  assert.equal(refused.headers.get('retry-after'), '5')
  assert.match(await refused.text(), /Nothing can be stored at the moment/)
  assert.equal((await fetch(`${web.url}/readyz`)).status, 200)

  await first.promote()
  await second.follow(first)
  await chain.haproxy.untilUp('primary', ['b'])
  await eventually(async () => (await newTask()).status === 200)
  // Each process learns of it when it is asked next whether it is ready.
  const page = await eventually(async () => {
    const response = await fetch(`${web.url}/project/`)
    return response.headers.get('x-read-only') === null && response
  })
  assert.doesNotMatch(await page.text(), /can only be read at the moment/)
})

/** With which another site speaks for its people. */
async function projectToken(): Promise<string> {
  const { text } = await site.http
    .get(`/api/auth/project/${project.shortName}/token`)
    .set('Authorization', project.secretKey)
    .expect(200)
  return text
}

function newTask(): Promise<Response> {
  return fetch(`${web.url}/api/task`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: owner.apiKey },
    body: JSON.stringify({ project_id: project.id, info: {} }),
  })
}

function reading() {
  const paths = ['/', '/project/', `/api/task?project_id=${project.id}`, `/api/project/${project.id}`]
  let n = 0
  return (ask: Ask) => ask(paths[(n += 1) % paths.length] ?? '/')
}
