import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer } from '../../src/web/server.ts'
import { startTestApp } from '../support/app.ts'
import { publishedProject, rowsOf } from '../support/builders.ts'
import { freePort, startProgram } from '../support/started-site.ts'

test('a request on its way when the web process is told to end is answered and stored, then it ends', async (t) => {
  const site = await startTestApp(t)
  const owner = await site.user()
  const { id } = await publishedProject(site, owner)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const env = { ...site.env, PORT: String(port), HOST: '127.0.0.1', SITE_URL: url }
  const web = startProgram('src/bin/web.ts', [], env)
  t.after(() => web.child.kill('SIGKILL'))
  while (!(await fetch(`${url}/readyz`).catch(() => undefined))?.ok) await sleep(50)
  const asked = await fetch(`${url}/api/project/${id}/newtask?api_key=${owner.apiKey}`)
  const { id: taskId } = (await asked.json()) as { id: number }

  const body = JSON.stringify({ project_id: id, task_id: taskId, info: 'Yes' })
  const sending = request(`${url}/api/taskrun?api_key=${owner.apiKey}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': body.length },
  })
  const answered = once(sending, 'response') as Promise<[IncomingMessage]>
  sending.write(body.slice(0, 10))
  await sleep(200)
  web.child.kill('SIGTERM')
  await sleep(200)
  await assert.rejects(fetch(`${url}/readyz`))
  sending.end(body.slice(10))

  const [response] = await answered
  assert.equal(response.statusCode, 200)
  const { id: runId } = JSON.parse(await text(response)) as { id: number }
  assert.equal(await web.ends(), 0)
  assert.deepEqual(await rowsOf(site, 'select id from task_run where project_id = $1', [id]), [{ id: runId }])
})

test('a process that is held back answers whoever asks, and is not ready until it is let go', async (t) => {
  const { app } = await startTestApp(t)
  const hold = { isOn: true }
  const server = await createServer(app, { hold })
  const { port } = (await server.listen(0, '127.0.0.1')).address() as AddressInfo
  t.after(() => server.close())
  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`)
    return [response.status, await response.text()]
  }
  while ((await ask('/readyz'))[1] !== '{"status":"held"}') await sleep(50)
  assert.equal((await ask('/readyz'))[0], 503)
  assert.deepEqual(await ask('/readyz?without=database'), [503, '{"status":"held"}'])
  assert.equal((await ask('/about'))[0], 200)
  hold.isOn = false
  assert.deepEqual(await ask('/readyz'), [200, '{"status":"ready"}'])
})

test('who has connected by the time a web process ends is answered', async (t) => {
  const { app } = await startTestApp(t)
  const server = await createServer(app)
  const { port } = (await server.listen(0, '127.0.0.1')).address() as AddressInfo
  const socket = connect(port, '127.0.0.1')
  socket.end('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  // By now the system has taken the connection, and the process has not seen it.
  await new Promise((resolve) => {
    process.nextTick(resolve)
  })
  const closed = server.close()
  assert.match(await text(socket), /^HTTP\/1\.1 200/)
  await closed
})
