import assert from 'node:assert/strict'
import { before, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer } from '../../src/web/server.ts'
import { startTestApp } from '../support/app.ts'
import type { TestUser } from '../support/app.ts'
import { draftProject, publishedProject } from '../support/builders.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { putBehindNginx } from '../support/site-behind-nginx.ts'

const end = untilFileEnds()
const site = await startTestApp(end, { TRUST_PROXY: 'on' })
const behind = await putBehindNginx(end, site, {
  nginx_languages: ['en', 'de'],
  nginx_unlimited: ['127.0.0.1'],
})

const HTML = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
const JSON_FORM = { 'Content-Type': 'application/json' }

let owner: TestUser

before(async () => {
  owner = await site.user()
})
beforeEach(() => {
  behind.asked.splice(0)
})

interface Got {
  status: number
  headers: Headers
  text: string
  /** MISS, HIT, …; empty for what is never kept. */
  cache: string
}

async function get(path: string, headers: Record<string, string> = HTML): Promise<Got> {
  const response = await fetch(`${behind.nginx.url}${path}`, { headers, redirect: 'manual' })
  return {
    status: response.status,
    headers: response.headers,
    text: await response.text(),
    cache: response.headers.get('x-cache') ?? '',
  }
}

/** Asks again and again, for the seconds that a page holds. */
async function until(path: string, isSo: (got: Got) => boolean): Promise<Got> {
  for (let tries = 0; tries < 100; tries += 1) {
    const got = await get(path)
    if (isSo(got)) return got
    await sleep(100)
  }
  throw new Error(`${path} stays as it is`)
}

/** The cookies of somebody who signed in, as a browser sends them. */
async function cookiesOf(person: TestUser): Promise<string> {
  const form = new URLSearchParams({ email: person.email, password: person.password })
  const response = await fetch(`${behind.nginx.url}/account/signin`, {
    method: 'POST',
    body: form,
    redirect: 'manual',
  })
  return response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ')
}

test('one address is kept as a page only, whoever asks first, and apart for each language', async () => {
  for (const [path, first, second] of [
    ['/about?order=1', HTML, JSON_FORM],
    ['/about?order=2', JSON_FORM, HTML],
    ['/about?order=3', { Accept: 'application/json' }, HTML],
    ['/about?order=4', HTML, { Accept: 'application/json, text/html;q=0.5' }],
  ] as const) {
    for (const headers of [first, second, first, second]) {
      const { headers: answered, text } = await get(path, headers)
      const type = headers === HTML ? /^text\/html/ : /^application\/json/
      assert.match(String(answered.get('content-type')), type, path)
      assert.equal(text.startsWith('{'), headers !== HTML)
    }
  }
  const german = { ...HTML, 'Accept-Language': 'fr-CH, de-AT;q=0.9, en;q=0.8' }
  const english = { ...HTML, 'Accept-Language': 'en-GB,en;q=0.5' }
  const none = { ...HTML, 'Accept-Language': 'fr' }
  behind.asked.splice(0)
  for (const [path, languages] of [
    ['/about?language=1', [german, english]],
    ['/about?language=2', [english, german]],
  ] as const) {
    for (const headers of languages) assert.equal((await get(path, headers)).cache, 'MISS')
    for (const headers of [...languages, none]) assert.equal((await get(path, headers)).cache, 'HIT')
  }
  const asked = behind.asked.map((request) => request.headers['accept-language'])
  assert.deepEqual(asked, ['de', 'en', 'en', 'de'])
})

test('somebody with a session, a fresh write or something to be told is asked for themselves', async () => {
  const cookies = await cookiesOf(owner)
  assert.match(cookies, /^session=/)
  for (const order of [1, 2]) {
    const path = `/about?order=bypass-${order}`
    if (order === 1) await get(path)
    const own = await get(path, { ...HTML, Cookie: `first=1; ${cookies}` })
    assert.ok(own.text.includes(`Test ${owner.name}`))
    assert.deepEqual([own.cache, own.headers.get('cache-control')], ['', 'private, no-cache'])
    const visitor = await get(path)
    assert.ok(!visitor.text.includes(`Test ${owner.name}`))
    assert.match(visitor.text, /Sign in/)
  }
  for (const cookie of ['position=x', '__Host-session=x', 'a=b; flash=x', 'language=de'])
    assert.equal((await get('/about', { ...HTML, Cookie: cookie })).cache, '')
  for (const cookie of ['device=x', 'my_session=x', 'other=session=x'])
    assert.notEqual((await get('/about', { ...HTML, Cookie: cookie })).cache, '')
  assert.equal((await get('/about', { ...HTML, 'X-Consistency-Token': 'x' })).cache, '')
  assert.equal((await get('/about', { ...HTML, Authorization: owner.apiKey })).cache, '')
  assert.equal((await get(`/about?api_key=${owner.apiKey}`)).cache, '')
})

test('fifty who ask at once for a page are answered by one request to the application', async () => {
  const { shortName } = await publishedProject(site, owner)
  const all = await Promise.all(Array.from({ length: 50 }, () => get(`/project/${shortName}/`)))
  assert.ok(all.every(({ status, text }) => status === 200 && text.includes(shortName)))
  assert.equal(behind.asked.length, 1)
})

test('a page is shown while the application is away, and is gone when it says so', async () => {
  const { id, shortName } = await publishedProject(site, owner)
  const path = `/project/${shortName}/`
  const kept = await get(path)
  assert.deepEqual([kept.status, kept.cache], [200, 'MISS'])
  await behind.stop()
  try {
    const shown = await until(path, ({ cache }) => cache !== 'HIT')
    assert.deepEqual([shown.status, shown.text], [200, kept.text])
    assert.match(shown.cache, /^(STALE|UPDATING)$/)
    const unknown = await get('/project/never-asked-for/')
    assert.equal(unknown.status, 503)
    assert.equal(unknown.headers.get('retry-after'), '5')
    assert.match(unknown.text, /away for a moment/)
  } finally {
    await behind.start()
  }
  await site.http.delete(`/api/project/${id}`).query({ api_key: owner.apiKey }).expect(204)
  await until(path, ({ status }) => status === 404)
})

test('what sets a cookie or only some may see is never kept, and nobody waits for another', async () => {
  const { shortName } = await publishedProject(site, owner)
  for (let n = 0; n < 2; n += 1) {
    const { headers, cache } = await get(`/project/${shortName}/newtask`)
    assert.match(headers.getSetCookie().join(), /^device=/)
    assert.deepEqual([cache, headers.get('cache-control')], ['', 'private, no-store'])
  }
  const draft = await draftProject(site, owner)
  const cookies = await cookiesOf(owner)
  const path = `/project/${draft.shortName}/`
  for (let n = 0; n < 2; n += 1) {
    const own = await get(path, { ...HTML, Cookie: cookies })
    assert.deepEqual([own.status, own.cache], [200, ''])
    assert.equal(own.headers.get('cache-control'), 'private, no-store')
    const visitor = await get(path)
    assert.notEqual(visitor.status, 200)
    assert.notEqual(visitor.cache, 'HIT')
  }
})

test('a page is kept compressed, is sent as it is to who cannot open it, and not at all to who has it', async () => {
  const path = '/about?compressed'
  const packed = await get(path, { ...HTML, 'Accept-Encoding': 'gzip' })
  const plain = await get(path, { ...HTML, 'Accept-Encoding': 'identity' })
  assert.deepEqual(
    [packed.headers.get('content-encoding'), plain.headers.get('content-encoding')],
    ['gzip', null],
  )
  assert.equal(packed.text, plain.text)
  assert.equal(behind.asked.length, 1)
  const tag = packed.headers.get('etag') ?? ''
  assert.match(tag, /^W\//)
  const had = await get(path, { ...HTML, 'If-None-Match': tag })
  assert.deepEqual([had.status, had.text], [304, ''])
})

test('every page says how long it holds: what is for all is kept by nginx, and all else by nobody', async () => {
  const project = await publishedProject(site, owner, { tasks: 2 })
  const { routes } = await createServer(site.app)
  const paths = routes
    .filter(({ method, path }) => method === 'GET' && !/^\/(api|healthz|readyz|metrics)/.test(path))
    .map(({ path }) =>
      path
        .replace(':shortName', project.shortName)
        .replace(':taskId', String(project.taskIds[0]))
        .replace(':name', owner.name)
        .replace(':category', 'thinking')
        .replace(/[:*]\w+/g, '1'),
    )
  const cookies = await cookiesOf(owner)
  const kinds: Record<string, number> = {}
  for (const path of paths) {
    for (const headers of [HTML, { ...HTML, Cookie: cookies }]) {
      const { status, headers: answered, cache, text } = await get(path, headers)
      if (status !== 200 || !String(answered.get('content-type')).startsWith('text/html')) continue
      const rule = answered.get('cache-control') ?? ''
      kinds[rule] = (kinds[rule] ?? 0) + 1
      const isForAll = rule.startsWith('public')
      assert.equal(cache !== '', isForAll, `${path}: ${rule}, but nginx says "${cache}"`)
      if (headers !== HTML) assert.ok(!isForAll, `${path} is public for somebody who is signed in`)
      const isKept = rule !== 'private, no-store'
      assert.equal(answered.get('etag') !== null, isKept, `${path} has a tag`)
      const forms = [...text.matchAll(/<form[^>]*method="post"[^>]*action="([^"]*)"/g)].map(([, to]) => to)
      if (isKept)
        assert.deepEqual(
          forms.filter((to) => to !== '/account/signout'),
          [],
          `${path} has a form`,
        )
    }
  }
  assert.deepEqual(Object.keys(kinds).sort(), [
    'private, no-cache',
    'private, no-store',
    'public, max-age=0, s-maxage=2, stale-while-revalidate=4',
  ])
  assert.ok(Math.min(...Object.values(kinds)) >= 6, JSON.stringify(kinds))
})
