import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import supertest from 'supertest'
import { createDeployHttp } from '../../src/deploy/page/server.ts'
import { webhookRoutes } from '../../src/deploy/webhooks.ts'
import { loadAssets } from '../../src/http/assets.ts'
import { createLogger } from '../../src/platform/log.ts'
import { createSealer } from '../../src/platform/sealing.ts'
import {
  OLD_SECRET,
  PASSWORD,
  deployParts,
  deployScene,
  playbooks,
  recorded,
  webhookHeaders,
} from '../support/deploy-server.ts'
import { assetsFolder } from '../support/servers.ts'

async function startServer(t: TestContext, settings: Record<string, string> = {}) {
  const scene = await deployScene(t, settings)
  const parts = deployParts(t, scene)
  let woken = 0
  const server: Server = await createDeployHttp({
    ...parts,
    sealer: createSealer([{ id: 'test', key: Buffer.alloc(32, 3) }]),
    log: createLogger('deploy', 'silent'),
    assets: await loadAssets(await assetsFolder()),
    webhooks: webhookRoutes(parts.settings, parts.store, () => {
      woken += 1
      parts.deployer.wake()
    }),
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const send = (event: string, payload: object, options = {}) => {
    const body = JSON.stringify(payload)
    return supertest(server)
      .post('/webhooks/github')
      .set(webhookHeaders(event, body, options))
      .send(body)
  }
  return { ...scene, ...parts, server, send, woken: () => woken }
}

async function signIn(server: Server) {
  const agent = supertest.agent(server)
  const form = { name: 'olga', password: PASSWORD, next: '/deploys/1' }
  await agent.post('/account/signin').type('form').send(form).expect(302).expect('Location', '/deploys/1')
  return agent
}

const merged = () => recorded('pull_request', ({ action }) => action === 'closed')

test('GitHub’s own recorded events wake the server, by either secret, and others do not', async (t) => {
  const { send, woken } = await startServer(t)
  const pull = merged() as { pull_request: object }
  const wasMerged = { ...pull, pull_request: { ...pull.pull_request, merged: true } }
  const push = recorded('push', ({ ref }) => ref !== undefined && ref.startsWith('refs/tags/'))

  await send('pull_request', wasMerged).expect(202, { status: 'taken' })
  await send('push', { ...push, ref: 'refs/heads/master' }, { secret: OLD_SECRET }).expect(202)
  await send('deployment', recorded('deployment')).expect(202)
  await send('deployment_status', recorded('deployment_status')).expect(202)
  assert.equal(woken(), 4)

  await send('pull_request', { ...pull, pull_request: { ...pull.pull_request, merged: false } }).expect(202)
  await send(
    'pull_request',
    recorded('pull_request', ({ action }) => action === 'opened'),
  ).expect(202)
  await send('pull_request', { ...wasMerged, pull_request: { merged: true, base: { ref: 'other' } } }).expect(
    202,
  )
  await send('push', push).expect(202)
  await send(
    'ping',
    recorded('ping', (example) => 'repository' in example),
  ).expect(403)
  await send('label', recorded('label')).expect(202)
  assert.equal(woken(), 4)
})

test('what is forged, replayed, cut off, huge or of another repository acts not', async (t) => {
  const { send, server, woken, store } = await startServer(t)
  const push = { ...recorded('push'), ref: 'refs/heads/master' }
  const body = JSON.stringify(push)
  const post = (headers: Record<string, string>, text = body) =>
    supertest(server).post('/webhooks/github').set(headers).send(text)
  const { 'X-Hub-Signature-256': signature = '', ...unsigned } = webhookHeaders('push', body)

  await send('push', push, { secret: 'some other secret of the same length' }).expect(401)
  await post(unsigned).expect(401)
  await post({ ...unsigned, 'X-Hub-Signature-256': `${signature.slice(0, -1)}x` }).expect(401)
  await post({ ...unsigned, 'X-Hub-Signature-256': signature.slice(0, 30) }).expect(401)
  await post({ ...unsigned, 'X-Hub-Signature-256': signature }, body.replace('Hello', 'Hallo')).expect(401)
  await post({ ...unsigned, 'X-Hub-Signature-256': signature }, body.slice(0, -9)).expect(401)
  await post(webhookHeaders('push', body, { delivery: 'x y' })).expect(400)
  await post(webhookHeaders('push', '{"repository"'), '{"repository"').expect(400)
  await post(webhookHeaders('push', '[]'), '[]').expect(400)
  await send('push', { ...push, repository: { id: 1 } }).expect(403)
  await send('push', { ...push, more: 'x'.repeat(1024 * 1024) }).expect(413)
  await cutOff(server, unsigned, body)
  assert.equal(woken(), 0)

  await send('push', push, { delivery: 'delivery-1' }).expect(202, { status: 'taken' })
  await send('push', push, { delivery: 'delivery-1' }).expect(202, { status: 'known already' })
  assert.equal(woken(), 1)
  assert.equal(store.addDelivery('delivery-1'), false)
})

/** Sends half of what it promised, and goes. */
async function cutOff(server: Server, headers: Record<string, string>, body: string): Promise<void> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  lines.push('Host: localhost', `Content-Length: ${body.length}`)
  socket.write(`POST /webhooks/github HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body.slice(0, 100)}`)
  const reply = once(socket.resume(), 'close')
  socket.end()
  await reply
}

test('events that come late or in the wrong order change nothing: the branch decides', async (t) => {
  const { send, github, until, store, deployer } = await startServer(t)
  const first = github.commit('One', playbooks())
  const second = github.commit('Two', {})
  github.check(second, 'success')
  const push = { ...recorded('push'), ref: 'refs/heads/master' }

  await send('push', { ...push, after: second }).expect(202)
  await until(1, 'success')
  await send('push', { ...push, after: first }).expect(202)
  await deployer.round()
  await deployer.round()

  assert.deepEqual(
    store.list(9).map(({ sha }) => sha),
    [second],
  )
})

test('a webhook is answered while GitHub itself has not answered yet', async (t) => {
  const { send, github, deployer, store } = await startServer(t)
  github.commit('One', playbooks())
  const asked = github.hold(/./)
  const round = deployer.round()
  await asked.come
  await send('push', { ...recorded('push'), ref: 'refs/heads/master' }).expect(202)
  assert.deepEqual(store.list(9), [])
  asked.letGo()
  await round
})

test('nobody sees anything without signing in, and a wrong password is refused, then not even looked at', async (t) => {
  const { server } = await startServer(t)
  for (const path of ['/', '/deploys/1', '/deploys/1/log', '/deploys/1/stream'])
    await supertest(server)
      .get(path)
      .expect(302)
      .expect('Location', /^\/account\/signin\?next=/)
  for (const path of ['/deploys/1/redeploy', '/deploys/1/roll-back', '/unlock'])
    await supertest(server)
      .post(path)
      .expect(/Sign|There is no deploy/)
  await supertest(server)
    .get('/account/signin?next=//evil.example')
    .expect(/name="next" value="\/"/)

  const tryWith = (name: string, password: string) =>
    supertest(server).post('/account/signin').type('form').send({ name, password })
  await tryWith('olga', 'wrong')
    .expect(400)
    .expect(/do not go together/)
  await tryWith('nobody', PASSWORD).expect(400)
  for (let count = 0; count < 8; count += 1) await tryWith(`n${count}`, 'wrong').expect(400)
  await tryWith('olga', PASSWORD).expect(429).expect('Retry-After', /^\d+$/)
})

test('whoever tries passwords is refused by their network, and keeps no operator out', async (t) => {
  const { server } = await startServer(t, { TRUST_PROXY: 'on' })
  const tryFrom = (address: string, name: string, password: string) =>
    supertest(server)
      .post('/account/signin')
      .set('X-Forwarded-For', address)
      .type('form')
      .send({ name, password })
      .then(({ status }) => status)
  const tryMany = async (count: number, address: (index: number) => string, name: string) => {
    const statuses = Array.from({ length: count }, (_, index) => tryFrom(address(index), name, 'wrong'))
    return Object.entries(Object.groupBy(await Promise.all(statuses), String)).map(
      ([status, all]) => `${status}: ${all?.length}`,
    )
  }

  assert.deepEqual(await tryMany(12, (index) => `2001:db8::${index + 1}`, 'a'), ['400: 10', '429: 2'])
  assert.equal(await tryFrom('2001:db8:0:0:9:9:9:9', 'olga', PASSWORD), 429, 'the same /64')
  assert.equal(await tryFrom('2001:db8:0:1::1', 'olga', PASSWORD), 302)
  assert.deepEqual(await tryMany(11, (index) => (index % 2 ? '::ffff:192.0.2.7' : '192.0.2.7'), 'b'), [
    '400: 10',
    '429: 1',
  ])

  await tryMany(50, (index) => `198.51.100.${index}`, 'olga')
  assert.deepEqual(await tryMany(5, () => '203.0.113.5', 'olga'), ['400: 3', '429: 2'])
  assert.equal(await tryFrom('203.0.113.5', 'olga', PASSWORD), 429)
  for (let count = 0; count < 12; count += 1)
    assert.equal(await tryFrom('203.0.113.6', 'olga', PASSWORD), 302, 'an operator’s own address')
})

test('an operator deploys again, goes back, unlocks and signs out, and no other site does it for them', async (t) => {
  const { server, github, until, store, deployer } = await startServer(t)
  const first = github.commit('One', playbooks())
  github.check(first, 'success')
  await until(1, 'success')
  const second = github.commit('Two <script>', playbooks({ deploy: 'exit 1' }))
  github.check(second, 'success')
  deployer.wake()
  await until(2, 'rolled_back')
  const agent = await signIn(server)

  await agent
    .get('/')
    .expect(200)
    .expect(/Two &lt;script&gt;/)
    .expect(/taken back/)
  await agent
    .get('/deploys/1')
    .expect(200)
    .expect(/Deploy 1: One/)
    .expect(/PLAY \[Hosts\]/)
  await agent
    .get('/deploys/1/log')
    .expect(200)
    .expect('Content-Type', /text\/plain/)
    .expect(/PLAY \[Look from outside\]/)
  await agent.get('/deploys/77').expect(404)
  await agent.post('/deploys/2/redeploy').set('Sec-Fetch-Site', 'cross-site').expect(403)
  await agent.post('/deploys/2/roll-back').expect(409)
  assert.equal(store.list(9).length, 2)

  await agent.post('/deploys/1/roll-back').expect(302).expect('Location', '/deploys/3')
  const third = await until(3, 'success')
  assert.deepEqual([third.kind, third.who, third.cause], ['rollback', 'olga', 'page'])
  await agent.post('/deploys/1/redeploy').expect(302).expect('Location', '/deploys/4')
  assert.equal((await until(4, 'success')).sha, first)

  store.set('trouble', 'Bad credentials')
  await agent.get('/').expect(/GitHub cannot be asked what there is to deploy: Bad credentials/)
  store.set('lock', 'Deploy 2: no way back')
  await agent.get('/').expect(/Deploy 2: no way back/)
  await agent.post('/unlock').expect(400)
  await agent.post('/unlock').type('form').send({ release: second }).expect(400)
  await agent.post('/unlock').type('form').send({ release: first }).expect(302)
  assert.deepEqual([store.get('lock'), store.list(9).length], [undefined, 4], 'the release that was known')
  await agent.post('/unlock').type('form').send({ release: second }).expect(409)

  const other = 'a'.repeat(40)
  store.unlock({ sha: other, who: 'olga', title: 'Found' })
  assert.equal(store.lastSuccess()?.sha, other)
  store.set('lock', 'Deploy 2: no way back')
  await agent
    .get('/')
    .expect(new RegExp(`value="${first}"`))
    .expect(/All hosts run aaaaaaa: unlock/)
  assert.equal(store.lastSuccess()?.sha, other)
  await agent.get('/deploys/5').expect(/Go back to aaaaaaa/)
  await agent.post('/unlock').type('form').send({ release: first }).expect(302)
  assert.equal(store.lastSuccess()?.sha, first, 'brought back by hand')
  await agent.get('/').expect(/found on the hosts by olga/)
  await agent.post('/account/signout').expect(302)
  await agent.get('/').expect(302)
})

test('the log is followed while the deploy runs, from where the reader was, to its end', async (t) => {
  const { server, github, until } = await startServer(t)
  const sha = github.commit('One', playbooks({ deploy: 'echo first; sleep 1; echo second' }))
  github.check(sha, 'success')
  await until(1, 'running')
  const agent = await signIn(server)

  const [stream] = await Promise.all([agent.get('/deploys/1/stream').buffer(true), until(1, 'success')])

  const text = stream.text
  assert.match(text, /data: "first\\n"/)
  assert.match(text, /second/)
  assert.match(text, /event: end\ndata: \{\}\n\n$/)
  for (const wrong of ['-5', '1.5', 'x'])
    assert.match((await agent.get(`/deploys/1/stream?from=${wrong}`).buffer(true)).text, /event: end/)
  const from = /id: (\d+)/.exec(text)?.[1] ?? ''
  const { text: rest } = await agent.get('/deploys/1/stream').set('Last-Event-ID', from).buffer(true)
  assert.ok(!rest.includes('first') && rest.includes('second'))
})
