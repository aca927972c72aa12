import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { Test } from 'supertest'
import { apiOperations } from '../../../src/web/api/api-routes.ts'
import { createServer } from '../../../src/web/server.ts'
import { assertRefused, by, rateOf, refusal } from '../../support/api.ts'
import type { Body } from '../../support/api.ts'
import { startTestApp } from '../../support/app.ts'
import { publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const project = await publishedProject(site, owner)

test('every failure below /api has PyBossa’s shape, whatever failed', async () => {
  await assertRefused(site.http.get('/api/nothing'), [404, 'NotFound', /no such address/])
  await site.http.get('/api').expect(200)
  await assertRefused(site.http.patch('/api/project'), [405, 'MethodNotAllowed'])
  await assertRefused(site.http.delete('/api/taskrun'), [405, 'MethodNotAllowed'])
  await assertRefused(site.http.get('/api/project/9999999999999999'), [404, 'NotFound'])
  await assertRefused(site.http.get('/api/project/x/newtask'), [415, 'DataError'])
  await assertRefused(site.http.get(`/api/project/${project.id}/newtask?limit=x`), [415, 'ValueError'])
  await assertRefused(site.http.post('/api/taskrun').send('nonsense'), [415, 'ValueError'])
  await assertRefused(site.http.post('/api/taskrun').send({ info: 1 }), [403, 'Forbidden', /Invalid task_id/])
  const task = (await site.http.get('/api/task/999999')).body as Body
  assert.deepEqual([task['action'], task['target']], ['GET', 'task'])
  const app = (await site.http.get('/api/app/999999/newtask')).body as Body
  assert.equal(app['target'], 'project')
})

test('an error names handler and noun as PyBossa does', async () => {
  const cases: [() => Test, number, string, string][] = [
    [() => site.http.get('/api/project/999999/newtask'), 404, 'GET', 'project'],
    [
      () => site.http.get('/api/project/999999/userprogress'),
      404,
      'USER_PROGRESS',
      '/api/project/999999/userprogress',
    ],
    [() => site.http.get('/api/auth/project/x/token'), 403, 'AUTH_JWT_PROJECT', '/api/auth/project/x/token'],
    [() => site.http.post('/api'), 405, 'INDEX', '/api'],
    [() => site.http.delete('/api/user'), 405, 'DEL', 'user'],
    [() => site.http.delete('/api/favorites'), 405, 'DEL', 'task'],
    [() => site.http.put('/api/taskrun/1'), 404, 'PUT', 'taskrun'],
    [() => site.http.get('/api/nothing/here'), 404, 'GET', 'nothing'],
  ]
  for (const [request, status, action, target] of cases) {
    const body = (await request()).body as Body
    const said = [body['action'], body['target']]
    assert.deepEqual(said, [action, target], JSON.stringify(body))
    assert.equal(body['status_code'], status)
  }
})

test('an answer that a method is not possible names those that are', async () => {
  const response = await site.http.patch('/api/project/1').expect(405)
  assert.deepEqual(String(response.headers['allow']).split(', ').sort(), [
    'DELETE',
    'GET',
    'HEAD',
    'OPTIONS',
    'PUT',
  ])
})

test('addresses that are broken, strange or long are answered in the same shape', async () => {
  const strange = [
    '%ff',
    '%',
    'project/%ff',
    'project/%00',
    'task/%',
    'project/%E0%A4%A/newtask',
    `x${'y'.repeat(8_000)}`,
  ]
  for (const path of strange) {
    const { status, errorClass } = await refusal(site.http.get(`/api/${path}`))
    assert.ok(status === 404 || errorClass === 'DataError', `${path}: ${status}`)
  }
  for (const query of ['?id=%ff', '?%=1', '?limit[]=1', '?callback=f', '?api_key[a]=1', '?__proto__=1'])
    await refusal(site.http.get(`/api/task${query}`).expect('Content-Type', /json/))
})

test('what is no HTTP request, or has too long an address, is answered in the same shape', async (t) => {
  const server = await createServer(site.app)
  const listening = await server.listen(0, '127.0.0.1')
  t.after(() => server.close())
  const { port } = listening.address() as AddressInfo
  const send = (text: string) =>
    new Promise<string>((resolve, reject) => {
      let received = ''
      const socket = connect(port, '127.0.0.1', () => socket.write(text))
      socket.setEncoding('utf8').on('data', (part: string) => (received += part))
      socket.once('end', () => {
        resolve(received)
      })
      socket.once('error', reject)
    })
  for (const [text, status] of [
    ['nonsense\r\n\r\n', 400],
    ['GET /api/task HTTP/1.1\r\nno header\r\n\r\n', 400],
    [`GET /api/task?x=${'y'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
  ] as const) {
    const [head = '', body = ''] = (await send(text)).split('\r\n\r\n')
    assert.match(head, new RegExp(`^HTTP/1.1 ${status} `))
    const error = JSON.parse(body) as Body
    assert.deepEqual(
      [error['status'], error['status_code'], error['exception_cls']],
      ['failed', status, 'BadRequest'],
    )
  }
})

test('repeated slashes are one, and a slash at the end is none', async () => {
  await site.http.get(`//api///project//${project.id}`).expect(200)
  const task = { project_id: project.id, info: 'slashes' }
  await by(owner, site.http.post('//api//task')).send(task).expect(200)
  await by(owner, site.http.post('/api/task/')).send(task).expect(200)
  await site.http.get('/api/project/').expect(200)
})

test('everything that can be read answers HEAD as well, with nothing behind the headers', async () => {
  for (const { method, path } of apiOperations(site.app)) {
    if (method !== 'get') continue
    const address = `/api${path.replace(':shortName', project.shortName).replace(/:\w+/, String(project.id))}`
    const [head, get] = [await site.http.head(address), await site.http.get(address)]
    assert.equal(head.status, get.status, address)
    assert.ok(!head.text)
  }
})

test('an object is deleted whether the request has no body, an empty one or null', async () => {
  for (const body of [undefined, '', 'null']) {
    const task = await by(owner, site.http.post('/api/task')).send({ project_id: project.id, info: 'gone' })
    const request = by(owner, site.http.delete(`/api/task/${String((task.body as Body)['id'])}`))
    if (body !== undefined) request.set('Content-Type', 'application/json').send(body)
    const response = await request.expect(204)
    assert.equal(response.text, '')
  }
})

test('a callback for JSONP turns nothing into a script', async () => {
  const [taskId = 0] = project.taskIds
  const response = await site.http.get(`/api/task/${taskId}?callback=alert`).expect(200)
  assert.match(String(response.headers['content-type']), /^application\/json/)
  assert.equal(response.headers['x-content-type-options'], 'nosniff')
  assert.equal((response.body as Body)['id'], taskId)
})

test('every answer is readable from other sites, and a browser may ask before it sends', async () => {
  for (const [request, status] of [
    [site.http.get('/api/project').set('Origin', 'null'), 200],
    [site.http.get('/api/nothing').set('Origin', 'https://elsewhere.example'), 404],
    [site.http.post('/api/taskrun').send('nonsense'), 415],
    [site.http.get('/api/category').set('X-Contributor', 'somebody'), 401],
  ] as const) {
    const { headers } = await request.expect(status)
    assert.equal(headers['access-control-allow-origin'], '*')
    for (const name of ['X-RateLimit-Remaining', 'X-Consistency-Token', 'X-Read-Only', 'Retry-After'])
      assert.ok(String(headers['access-control-expose-headers']).split(', ').includes(name), name)
    assert.equal(headers['access-control-allow-credentials'], undefined)
  }
  const preflight = await site.http
    .options('/api/taskrun')
    .set({
      Origin: 'null',
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'content-type',
    })
    .expect(200)
  assert.equal(preflight.text, '')
  assert.match(String(preflight.headers['access-control-allow-headers']), /X-Consistency-Token/)
  assert.match(String(preflight.headers['access-control-allow-headers']), /Content-Type/)
  assert.match(String(preflight.headers['access-control-allow-methods']), /POST/)
  assert.equal(preflight.headers['access-control-max-age'], '21600')
})

test('while the database is away, a request by key says so in the same shape and with its rate limit', async (t) => {
  const nowhere = 'postgres://app@127.0.0.1:1/none'
  const lost = await startTestApp(t, {
    DATABASE_WRITE_URL: nowhere,
    DATABASE_READ_URL: nowhere,
    LOG_LEVEL: 'error',
  })
  for (const request of [() => lost.http.get('/api/project'), () => lost.http.post('/api/task').send({})]) {
    const response = await request().query({ api_key: 'some' }).expect(503)
    assert.equal((response.body as Body)['exception_cls'], 'ServiceUnavailable')
    rateOf(response)
  }
})

test('a body above 10 MB is refused with an answer that the client can read', async () => {
  const body = JSON.stringify({ name: 'x'.repeat(11 * 1024 * 1024) })
  await assertRefused(
    by(owner, site.http.post('/api/project')).set('Content-Type', 'application/json').send(body),
    [413, 'RequestEntityTooLarge', /10 MB/],
  )
})

test('a large body that nobody reads does not keep the client from its answer', async () => {
  const body = JSON.stringify({ name: 'x'.repeat(12 * 1024 * 1024) })
  const send = (request: Test) => request.set('Content-Type', 'application/json').send(body)
  await assertRefused(send(site.http.post('/api/nothing')), [404, 'NotFound'])
  await assertRefused(send(site.http.put('/api/project/999999')), [404, 'NotFound'])
  await assertRefused(send(site.http.post('/api/task?unknown=1')), [415, 'AttributeError'])
})

test('a body that is not UTF-8 is refused instead of changed; a byte-order mark does no harm', async () => {
  const send = (bytes: Buffer) =>
    by(owner, site.http.post('/api/task'))
      .set('Content-Type', 'application/json')
      .serialize((body: unknown) => body as string)
      .send(bytes)
  const text = `{"project_id": ${project.id}, "info": "Grüße 🌳"}`
  for (const encoding of ['latin1', 'utf16le'] as const) {
    await assertRefused(send(Buffer.from(text, encoding)), [415, 'DataError', /not valid UTF-8/])
  }
  const cut = Buffer.from(text).subarray(0, -4)
  await assertRefused(send(cut), [415, 'DataError', /not valid UTF-8/])
  for (const mark of ['', '\ufeff']) {
    const response = await send(Buffer.from(mark + text)).expect(200)
    assert.equal((response.body as Body)['info'], 'Grüße 🌳')
  }
})

test('a body that stops in the middle changes nothing and harms nobody', async () => {
  const before = await rowsOf(site, 'select id from project')
  const { port } = new URL(site.url)
  await new Promise<void>((resolve) => {
    const request = httpRequest({
      port,
      method: 'POST',
      path: `/api/project?api_key=${owner.apiKey}`,
      headers: { 'Content-Type': 'application/json', 'Content-Length': 100 },
    })
    request.once('error', () => {
      resolve()
    })
    request.write('{"name":')
    setTimeout(() => request.destroy(), 50)
  })
  assert.equal((await rowsOf(site, 'select id from project')).length, before.length)
  await site.http.get('/api/project').expect(200)
})

test('a write whose address has an argument that is no attribute is refused before anything else', async () => {
  const [taskId = 0] = project.taskIds
  const writes = [
    ['Project', () => site.http.post('/api/project')],
    ['Project', () => site.http.put(`/api/project/${project.id}`)],
    ['Project', () => site.http.delete(`/api/project/${project.id}`)],
    ['Task', () => site.http.post('/api/task')],
    ['Task', () => site.http.put('/api/task/999999')],
    ['Task', () => site.http.delete(`/api/task/${taskId}`)],
    ['TaskRun', () => site.http.post('/api/taskrun')],
  ] as const
  for (const [className, write] of writes) {
    for (const unknown of ['foo', 'constructor']) {
      const message = new RegExp(`^type object '${className}' has no attribute '${unknown}'$`)
      await assertRefused(by(owner, write()).query({ [unknown]: 1 }), [415, 'AttributeError', message])
    }
  }
  const task = { project_id: project.id, info: 'known arguments' }
  const known = { all: 1, offset: 0, next: 1, external_uid: 'a', _: 1, info: 'an attribute' }
  await by(owner, site.http.post('/api/task')).query(known).send(task).expect(200)
})

test('an API key is taken from the query or the header, and a Bearer header does not disable it', async () => {
  const path = '/api/project'
  const body = () => ({ name: randomUUID(), short_name: randomUUID(), description: 'By key.' })
  await site.http.post(path).query({ api_key: owner.apiKey }).send(body()).expect(200)
  await site.http.post(path).set('Authorization', owner.apiKey).send(body()).expect(200)
  await site.http
    .post(path)
    .query({ api_key: owner.apiKey })
    .set('Authorization', 'Bearer x.y.z')
    .send(body())
    .expect(200)
  for (const key of ['', 'wrong', randomUUID(), "' or 1=1"]) {
    await assertRefused(site.http.post(path).query({ api_key: key }).send(body()), [401, 'Unauthorized'])
  }
})

test('a token of another project, a forged or a missing one is refused', async () => {
  const other = await publishedProject(site, owner)
  const tokenOf = async ({ shortName, secretKey }: typeof project) =>
    (await site.http.get(`/api/auth/project/${shortName}/token`).set('Authorization', secretKey).expect(200))
      .text
  const [own, foreign] = await Promise.all([tokenOf(project), tokenOf(other)])
  const ask = (authorization?: string) => {
    const request = site.http.get(`/api/project/${project.id}/newtask`).query({ external_uid: 'a' })
    return authorization === undefined ? request : request.set('Authorization', authorization)
  }
  await ask(`Bearer ${own}`).expect(200)
  await ask(`Bearer ${own}`).expect(200)
  const refused: [string | undefined, RegExp][] = [
    [undefined, /Missing Authorization header/],
    ['Basic x', /must start with Bearer/],
    ['Bearer', /Token not found/],
    [`Bearer ${own} more`, /must be Bearer/],
    [`Bearer ${foreign}`, /Signature verification failed/],
    [`Bearer ${own.slice(0, -3)}abc`, /Signature verification failed/],
    ['Bearer nonsense', /Signature verification failed/],
  ]
  for (const [authorization, message] of refused) {
    const response = await ask(authorization).expect(401)
    assert.match(String((response.body as Body)['description']), message)
    const run = site.http
      .post('/api/taskrun')
      .send({ project_id: project.id, task_id: 1, external_uid: 'a', info: 1 })
    const submit = authorization === undefined ? run : run.set('Authorization', authorization)
    assert.equal((await refusal(submit)).status, 403)
  }
  for (const [path, key] of [
    [`/api/auth/project/${project.shortName}/token`, 'wrong'],
    ['/api/auth/project/none/token', project.secretKey],
  ] as const) {
    const response = await site.http.get(path).set('Authorization', key)
    assert.ok([403, 404].includes(response.status), String(response.status))
    assert.equal((response.body as Body)['action'], 'AUTH_JWT_PROJECT')
  }
})
