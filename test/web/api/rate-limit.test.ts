import assert from 'node:assert/strict'
import { test } from 'node:test'
import supertest from 'supertest'
import { assertRefused, by } from '../../support/api.ts'
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
    const { headers } = await ask().expect(200)
    assert.equal(headers['x-ratelimit-limit'], String(LIMIT))
    assert.equal(headers['x-ratelimit-remaining'], String(LIMIT - n))
    assert.ok(Number(headers['x-ratelimit-reset']) > Date.now() / 1000)
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
