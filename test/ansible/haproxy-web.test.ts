import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { startHaproxy } from '../support/haproxy.ts'
import type { Haproxy } from '../support/haproxy.ts'
import { eventually } from '../support/jobs.ts'
import { ownAddress } from '../support/rendered.ts'
import type { Ending } from '../support/servers.ts'

/** What a web process says to who probes it. */
type State = 'ready' | 'without database' | 'draining'

interface Process {
  readonly server: { readonly name: string; readonly address: string; readonly port: number }
  state: State
}

/** Stands where a web process does, and tells its name to whoever comes, unless it ends instead of answering. */
async function namedProcess(
  t: Ending,
  name: string,
  endsInstead: (method: string) => boolean = () => false,
): Promise<Process> {
  const process: Process = { server: { name, address: ownAddress(), port: 3_001 }, state: 'ready' }
  const server = createServer(({ url = '', method = '', socket }, response) => {
    if (!url.startsWith('/readyz') && endsInstead(method)) {
      socket.destroy()
      return
    }
    const isReady =
      process.state === 'ready' ||
      (process.state === 'without database' && new URL(url, 'http://x').searchParams.has('without'))
    if (url.startsWith('/readyz')) response.writeHead(isReady ? 200 : 503)
    response.end(name)
  })
  server.listen(process.server.port, process.server.address)
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return process
}

/** Resolves when requests are sent to these and no others. */
async function untilSent(haproxy: Haproxy, backend: string, names: readonly string[]): Promise<void> {
  await haproxy.untilUp(backend, names)
  // One that HAProxy still counts refusals of gets requests.
  await eventually(async () => {
    const servers = await haproxy.servers(backend)
    return servers.every(({ name, status }) => names.includes(name) || status === 'DOWN')
  })
}

/** Who answered a few requests, none of which may fail. */
async function answering({ webUrl }: Haproxy): Promise<string[]> {
  const names = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const response = await fetch(`${webUrl}/about`)
      assert.equal(response.status, 200)
      return response.text()
    }),
  )
  return [...new Set(names)].toSorted()
}

test('without a database processes are asked as long as they are not about to end, unless another one has its own', async (t) => {
  const processes = await Promise.all([namedProcess(t, 'a'), namedProcess(t, 'b')])
  const [a, b] = processes
  const haproxy = await startHaproxy(t, { webServers: processes.map(({ server }) => server) })
  const until = (ready: string[], others: string[]) =>
    Promise.all([untilSent(haproxy, 'web', ready), untilSent(haproxy, 'web_without_database', others)])
  await until(['a', 'b'], ['a', 'b'])
  assert.deepEqual(await answering(haproxy), ['a', 'b'])

  a.state = 'without database'
  await until(['b'], ['a', 'b'])
  assert.deepEqual(await answering(haproxy), ['b'])

  b.state = 'without database'
  await until([], ['a', 'b'])
  assert.deepEqual(await answering(haproxy), ['a', 'b'])

  a.state = 'draining'
  await until([], ['b'])
  assert.deepEqual(await answering(haproxy), ['b'])

  b.state = 'draining'
  await until([], [])
  assert.equal((await fetch(`${haproxy.webUrl}/about`)).status, 503)

  a.state = 'ready'
  await until(['a'], ['a'])
  assert.deepEqual(await answering(haproxy), ['a'])
})

test('what a process took and gave no answer to is asked of another one when it only reads, and sent once otherwise', async (t) => {
  const taken: string[] = []
  const endings = await Promise.all(
    ['a', 'b'].map(async (name) => {
      const process = await namedProcess(t, name, (method) => {
        taken.push(`${method} ${name}`)
        // The first that is asked goes away in the middle, the other one answers.
        return taken.length === 1
      })
      return process.server
    }),
  )
  const haproxy = await startHaproxy(t, { webServers: endings })
  await haproxy.untilUp('web', ['a', 'b'])

  const posted = await fetch(`${haproxy.webUrl}/api/taskrun`, { method: 'POST', body: '{}' })
  assert.equal(posted.status, 502)
  assert.equal(taken.length, 1, 'it may have been done')

  taken.length = 0
  assert.equal((await fetch(`${haproxy.webUrl}/about`)).status, 200)
  assert.equal(taken.length, 2)
})
