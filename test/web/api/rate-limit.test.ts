import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Test } from 'supertest'
import supertest from 'supertest'
import { createServer } from '../../../src/web/server.ts'
import { createApiKey } from '../../../src/domain/users/user-service.ts'
import { assertRefused, by, rateOf } from '../../support/api.ts'
import { startTestApp } from '../../support/app.ts'
import { publishedProject } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'

const LIMIT = 6
const site = await startTestApp(untilFileEnds(), { RATE_LIMIT: `${LIMIT}/900` })
const owner = await site.user()
const other = await site.user()

test('the request that reaches the limit is refused, per person, and headers say how many are left', async () => {
  const ask = (user = owner) => by(user, site.http.get('/api/project'))
  for (let n = 1; n < LIMIT; n += 1) {
    const { limit, remaining } = rateOf(await ask().expect(200))
    assert.deepEqual([limit, remaining], [LIMIT, LIMIT - n])
  }
  const refused = await ask().expect(429)
  assert.equal(refused.headers['x-ratelimit-remaining'], '0')
  assert.ok(Number(refused.headers['retry-after']) > 0)
  await assertRefused(ask(), [429, 'TooManyRequests', /Try again in \d+ seconds/])
  await ask(other).expect(200)
})

test('browsers that contribute are counted one by one, everybody else by address', async () => {
  const project = await publishedProject(site, owner)
  const remaining = async (cookie = '') => {
    const { headers } = await supertest(site.url)
      .get(`/api/project/${project.id}/userprogress`)
      .set('Cookie', cookie)
    return Number(headers['x-ratelimit-remaining'])
  }
  const device = async () => {
    const page = await supertest(site.url).get(`/project/${project.shortName}/newtask`).expect(200)
    return String(page.headers['set-cookie']).split(';')[0]
  }
  const [one, two] = [await device(), await device()]
  assert.deepEqual(
    [await remaining(one), await remaining(one), await remaining(two)],
    [LIMIT - 1, LIMIT - 2, LIMIT - 1],
  )
  assert.deepEqual([await remaining(), await remaining()], [LIMIT - 1, LIMIT - 2])
})

test('the contribute page of a quick person may ask ten times as often, and nobody else by its header', async () => {
  const project = await publishedProject(site, owner)
  const http = supertest.agent(site.url)
  const { text } = await http.get(`/project/${project.shortName}/newtask`).expect(200)
  const contributor = /data-contributor="([^"]+)"/.exec(text)?.[1] ?? ''
  const ask = (by: typeof http) =>
    by.get(`/api/project/${project.id}/userprogress`).set('X-Contributor', contributor)
  const { headers } = await ask(http).expect(200)
  assert.equal(headers['x-ratelimit-limit'], String(10 * LIMIT))
  await ask(supertest.agent(site.url)).expect(401)
})

test('while the cache is away each process counts for itself', async (t) => {
  const alone = await startTestApp(t, {
    RATE_LIMIT: `${LIMIT}/900`,
    REDIS_CACHE_URL: 'redis://127.0.0.1:1',
    LOG_LEVEL: 'error',
  })
  const user = await alone.user()
  const ask = () => by(user, alone.http.get('/api/category'))
  for (let n = 1; n < LIMIT; n += 1) {
    const { headers } = await ask().expect(200)
    assert.equal(headers['x-ratelimit-remaining'], String(LIMIT - n))
  }
  await ask().expect(429)
})

test('every answer of the API tells the rate limit, whatever became of the request', async () => {
  const anyone = await site.user()
  const requests: [number, Test][] = [
    [200, site.http.head('/api/task')],
    [404, site.http.head('/api/helpinmaterial')],
    [404, site.http.get('/api/task/999999')],
    [404, site.http.get('/api/nothing')],
    [405, site.http.patch('/api/task')],
    [415, by(anyone, site.http.post('/api/task')).send('nonsense')],
    [404, by(anyone, site.http.put('/api/task/999999')).send({})],
    [404, by(anyone, site.http.delete('/api/task/999999'))],
    [401, site.http.get('/api/category').set('X-Contributor', 'somebody')],
    [200, site.http.get('/api/')],
    [405, site.http.post('/api/')],
    [405, site.http.post('/api')],
  ]
  for (const [status, request] of requests) {
    const response = await request.set('X-Forwarded-For', '192.0.2.1').expect(status)
    rateOf(response)
  }
})

test('HEAD and POST of a noun share its counter; other nouns have their own; a preflight costs nothing', async () => {
  const anyone = await site.user()
  const remaining = async (request: Test) => rateOf(await by(anyone, request)).remaining
  assert.equal(await remaining(site.http.head('/api/task')), LIMIT - 1)
  assert.equal(await remaining(site.http.post('/api/task').send({})), LIMIT - 2)
  await site.http.options('/api/task').query({ api_key: anyone.apiKey }).expect(200)
  assert.equal(await remaining(site.http.put('/api/task/1').send({})), LIMIT - 3)
  assert.equal(await remaining(site.http.delete('/api//task/1')), LIMIT - 4)
  assert.equal(await remaining(site.http.head('/api/project')), LIMIT - 1)
  assert.equal(await remaining(site.http.get('/api/app/1/newtask')), LIMIT - 1)
  assert.equal(await remaining(site.http.get('/api/project/2/newtask')), LIMIT - 2)
})

test('all keys of a person count together, and apart from what the person does in a browser', async () => {
  const person = await site.user()
  const second = await createApiKey(site.app.database.open({ writes: true }), person, 'second')
  const remaining = async (request: Test) => rateOf(await request.expect(200)).remaining
  assert.equal(await remaining(by(person, site.http.get('/api/category'))), LIMIT - 1)
  const bySecond = site.http.get('/api/category').set('Authorization', second)
  assert.equal(await remaining(bySecond), LIMIT - 2)
  assert.equal(await remaining(person.http.get('/api/category')), LIMIT - 1)
})

test('what nobody is known for yet is counted by address, and refused in the end', async () => {
  const statuses: number[] = []
  for (let n = 0; n <= LIMIT; n += 1) {
    const { status } = await site.http.get('/api/result').set('X-Contributor', 'somebody')
    statuses.push(status)
  }
  assert.deepEqual(new Set(statuses), new Set([401, 429]))
  assert.equal(statuses.at(-1), 429)
})

test('a group of routes may have a limit of its own', async (t) => {
  const own = await startTestApp(t, { RATE_LIMIT: '5/900, task=7/60' })
  const { limit, reset } = rateOf(await own.http.get('/api/task').expect(200))
  assert.equal(limit, 7)
  assert.ok(reset <= Date.now() / 1000 + 60)
  assert.equal(rateOf(await own.http.get('/api/project').expect(200)).limit, 5)
  const misspelt = new Map([['tasks', { requests: 7, seconds: 60 }]])
  const config = { ...own.app.config, rateLimit: { requests: 5, seconds: 900, groups: misspelt } }
  await assert.rejects(createServer({ ...own.app, config }), /no group tasks, only .*taskrun/)
})

test('an address brings so many new devices and no more, each of which stays welcome', async (t) => {
  const own = await startTestApp(t, { RATE_LIMIT: '300/900,devices=2/900' })
  const project = await publishedProject(own, await own.user())
  const begin = (http = supertest.agent(own.url)) => http.get(`/project/${project.shortName}/newtask`)
  const known = supertest.agent(own.url)
  await begin(known).expect(200)
  await begin(known).expect(200)
  await begin().expect(200)
  const refused = await begin().expect(429, /You can go on when you sign in/)
  assert.ok(Number(refused.headers['retry-after']) > 0)
  assert.equal(refused.headers['set-cookie'], undefined)
  await begin(known).expect(200)
  await begin((await own.user()).http).expect(200)
})

test('nobody escapes being counted by capital letters', async () => {
  for (const path of ['/API/project', '/Api/project', '/api/PROJECT'])
    await site.http.get(path).set('Accept', 'application/json').expect(404)
})
