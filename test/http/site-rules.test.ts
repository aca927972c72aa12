import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import supertest from 'supertest'
import { startTestApp } from '../support/app.ts'
import { draftProject, publishedProject, rowsOf } from '../support/builders.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { waitForReplica } from '../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()

/** The session cookie of somebody who has just signed in, as `name=value`. */
async function sessionCookie(): Promise<string> {
  const email = `${owner.name}@example.org`
  const response = await supertest(site.url)
    .post('/account/signin')
    .type('form')
    .send({ email, password: owner.password })
    .expect(302)
  const cookie = String(response.headers['set-cookie'])
  assert.match(cookie, /; httponly/i)
  assert.match(cookie, /; samesite=lax/i)
  return cookie.split(';')[0] ?? ''
}

test('every page has the strict security headers', async () => {
  for (const path of ['/', '/about', '/none', '/account/signin']) {
    const { headers } = await site.http.get(path)
    const policy = headers['content-security-policy'] ?? ''
    assert.match(policy, /default-src 'none'|default-src 'self'/)
    assert.ok(!policy.includes('unsafe-eval'))
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.match(headers['referrer-policy'] ?? '', /./)
    assert.match(headers['x-request-id'] ?? '', /^[\w-]{8,64}$/)
  }
})

test('an answer of the API may be shown by nobody, and has no headers that only a page needs', async () => {
  for (const path of ['/api/category', '/api/none']) {
    const { headers } = await site.http.get(path)
    assert.equal(headers['content-security-policy'], "default-src 'none'; frame-ancestors 'none'")
    assert.equal(headers['x-content-type-options'], 'nosniff')
    for (const name of ['referrer-policy', 'permissions-policy', 'cross-origin-opener-policy'])
      assert.equal(headers[name], undefined, name)
  }
})

test('a form from another site changes nothing', async () => {
  const { shortName, id } = await draftProject(site, owner)
  const path = `/project/${shortName}/publish`
  const foreign: Record<string, string>[] = [
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
    { Origin: 'https://evil.example' },
    { Origin: 'null' },
  ]
  for (const headers of foreign) {
    const response = await owner.http.post(path).set(headers)
    assert.equal(response.status, 403)
  }
  const [row] = await rowsOf<{ published: boolean }>(site, 'select published from project where id = $1', [
    id,
  ])
  assert.equal(row?.published, false)
  await owner.http.post(path).set('Origin', site.url).expect(302)
})

test('a request from another site is nobody’s, also when the browser sends the session along', async () => {
  const { shortName } = await draftProject(site, owner)
  const path = `/project/${shortName}/`
  await owner.http.get(path).expect(200)
  await owner.http.get(path).set('Sec-Fetch-Site', 'cross-site').expect(302)
})

test('a link from a mail or another site leads the same person to a page, but sends no form', async () => {
  const { shortName } = await draftProject(site, owner)
  const visit = { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' }
  await owner.http.get(`/project/${shortName}/`).set(visit).expect(200)
  await owner.http.post(`/project/${shortName}/publish`).set(visit).expect(403)
  await owner.http
    .get(`/project/${shortName}/`)
    .set({ ...visit, 'Sec-Fetch-Dest': 'iframe' })
    .expect(302)
})

test('an address with a number that no record can have, or with broken characters, has no page', async () => {
  const { shortName } = await publishedProject(site, owner)
  const base = `/project/${shortName}`
  for (const number of ['1.5', '-1', '1e30', '99999999999999999999', '%00', 'NaN']) {
    for (const page of ['/task/', '/tasks/', '/tasks/import/', '/tasks/export/']) {
      await owner.http.get(`${base}${page}${number}`).expect(404)
    }
    await owner.http.get(`/account/mail/${number}`).expect(404)
    await owner.http.post(`/account/keys/${number}/revoke`).expect(404)
    await owner.http.get(`/project/?before=${number}`).expect(200)
    await owner.http.get(`${base}/answers?before=${number}`).expect(200)
    await owner.http.get(`${base}/tasks/browse?after=${number}`).expect(200)
  }
  await owner.http.get(`${base}/answers?before=1&before=2`).expect(200)
  for (const name of ['%00', '%ff', 'a%00b']) await site.http.get(`/project/${name}/`).expect(404)
})

test('a form with a character that cannot be stored is refused', async () => {
  const path = '/account/signin'
  await site.http
    .post(path)
    .type('form')
    .send('email=a%00b')
    .expect(400, /cannot be stored/)
  await site.http.post(path).set('Content-Type', 'application/json').send('{"email": "\\ud800"}').expect(400)
  await site.http
    .post(path)
    .set('Content-Type', 'application/json')
    .serialize((body: unknown) => body as string)
    .send(Buffer.from('{"email": "Grüße"}', 'latin1'))
    .expect(400, /not valid UTF-8/)
})

test('a session that was changed, cut or made up is none', async () => {
  const cookie = await sessionCookie()
  const ask = (value: string) => supertest(site.url).get('/account/profile').set('Cookie', value)
  await ask(cookie).expect(200)
  await ask(cookie).expect(200)
  const middle = Math.floor(cookie.length / 2)
  const changed = cookie.slice(0, middle) + (cookie[middle] === 'A' ? 'B' : 'A') + cookie.slice(middle + 1)
  for (const value of [
    changed,
    cookie.slice(0, -9),
    'session=x',
    'session=',
    `session=${'x'.repeat(3_000)}`,
  ]) {
    await ask(value).expect(302)
  }
})

test('signing out ends the session everywhere within ten seconds', { timeout: 20_000 }, async () => {
  const cookie = await sessionCookie()
  const ask = () => supertest(site.url).get('/account/profile').set('Cookie', cookie)
  await ask().expect(200)
  await supertest(site.url).post('/account/signout').set('Cookie', cookie).expect(302)
  const began = Date.now()
  for (;;) {
    const { status } = await ask()
    if (status === 302) break
    assert.ok(Date.now() - began < 11_000, 'the session still works')
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
})

test('error pages say what happened, in a page or in JSON, with the request’s id', async () => {
  await site.http.get('/none').expect(404, /There is no page at this address/)
  const json = await site.http.get('/none?response_format=json').expect(404)
  const { csrf, ...body } = json.body as Record<string, unknown>
  assert.equal(typeof csrf, 'string')
  assert.deepEqual(body, {
    code: 404,
    description: 'There is no page at this address.',
    requestId: json.headers['x-request-id'],
    template: '404.html',
    title: 'There is no page at this address.',
  })
  await site.http.delete('/about').expect(405)
  await site.http.get('/project/none/').expect(404)
})

test('a page’s data is given as JSON to who asks for it', async () => {
  const { shortName } = await publishedProject(site, owner)
  const body: unknown = (
    await site.http.get(`/project/${shortName}/`).set('Content-Type', 'application/json').expect(200)
  ).body
  assert.equal((body as { project: { shortName: string } }).project.shortName, shortName)
})

test('forms are taken as a browser sends them and as JSON, and nothing else', async () => {
  const project = await draftProject(site, owner)
  const path = `/project/${project.shortName}/update`
  const name = `Json ${project.shortName}`
  await owner.http
    .post(path)
    .send({ name, description: 'D', longDescription: '', allowAnonymousContributors: true })
    .expect(200)
  await waitForReplica()
  const [row] = await rowsOf(
    site,
    'select name, allow_anonymous_contributors as anonymous from project where id = $1',
    [project.id],
  )
  assert.deepEqual(row, { name, anonymous: true })
  const json = (text: string) => owner.http.post(path).set('Content-Type', 'application/json').send(text)
  await json('{').expect(400, /not JSON/)
  await json('[1').expect(400)
  for (const text of ['5', '[1]', '[]', 'null']) await json(text).expect(400, /not a JSON object/)
  await owner.http
    .post(path)
    .field('name', 'x')
    .expect(400, /takes no files/)
  const huge = await owner.http
    .post(path)
    .type('form')
    .send(`name=${'x'.repeat(1_100_000)}`)
  assert.equal(huge.status, 413)
})

test('stamped files are good for a year, compressed as the browser likes, and readable from presenters', async () => {
  const { text } = await site.http.get('/').expect(200)
  const [, css = ''] = /href="(\/static\/site-[\w]+\.css)"/.exec(text) ?? []
  for (const encoding of ['br', 'gzip']) {
    const { headers } = await site.http.get(css).set('Accept-Encoding', encoding).buffer(false).expect(200)
    assert.equal(headers['content-encoding'], encoding)
    assert.match(String(headers['cache-control']), /max-age=31536000, immutable/)
    assert.match(String(headers['vary']), /Accept-Encoding/i)
    assert.equal(headers['access-control-allow-origin'], '*')
  }
  const plain = await site.http.get(css).set('Accept-Encoding', 'identity').expect(200)
  assert.equal(plain.headers['content-encoding'], undefined)
  const again = { 'Accept-Encoding': 'identity', 'If-None-Match': String(plain.headers['etag']) }
  const kept = await site.http.get(css).set(again).expect(304)
  assert.match(String(kept.headers['cache-control']), /immutable/)
  await site.http.get(css).set(again).set('Accept-Encoding', 'gzip').expect(200)
  await site.http.head(css).expect(200)
  for (const path of [
    '/static/none.css',
    '/static/manifest.json',
    '/static/../package.json',
    '/static/%2e%2e/x',
  ]) {
    await site.http.get(path).expect(404)
  }
  await site.http.post(css).expect(404)
})

test('the demo project’s pictures are served, and no other file', async () => {
  const picture = await site.http.get('/media/demo/hubble-001.jpg').expect(200)
  assert.equal(picture.headers['content-type'], 'image/jpeg')
  const since = String(picture.headers['last-modified'])
  await site.http.get('/media/demo/hubble-001.jpg').set('If-Modified-Since', since).expect(304)
  await site.http.get('/media/demo/thumbnail.jpg').expect(200)
  for (const name of ['none.jpg', '../../package.json', '..%2fx.jpg', 'a/hubble-001.jpg', 'project.json']) {
    await site.http.get(`/media/demo/${name}`).expect(404)
  }
})

test('media of sample tasks are served, whole or the part that a player asks for, to presenters too', async () => {
  const path = '/media/samples/comparison/low.wav'
  const whole = await site.http.get(path).buffer(true).expect(200).expect('Content-Type', 'audio/wav')
  assert.equal(whole.headers['access-control-allow-origin'], '*')
  assert.match(whole.headers['content-security-policy'] ?? '', /^sandbox/)
  const size = Number(whole.headers['content-length'])
  for (const [range, expected] of [
    ['bytes=0-9', `bytes 0-9/${size}`],
    ['bytes=100-', `bytes 100-${size - 1}/${size}`],
    ['bytes=-10', `bytes ${size - 10}-${size - 1}/${size}`],
    ['bytes=5-999999', `bytes 5-${size - 1}/${size}`],
  ] as const) {
    await site.http.get(path).set('Range', range).expect(206).expect('Content-Range', expected)
  }
  for (const range of ['bytes=9-2', 'bytes=0-1,4-5', 'lines=1-2', 'bytes=-']) {
    await site.http.get(path).set('Range', range).expect(200)
  }
  for (const name of ['tasks.csv', 'none.wav', '../project.json', '%2e%2e/x.wav']) {
    await site.http.get(`/media/samples/comparison/${name}`).expect(404)
  }
})

test('repeated slashes lead to the same page', async () => {
  await site.http.get('//about').expect(200)
  const { shortName } = await draftProject(site, owner)
  await owner.http.post(`//project///${shortName}//publish`).expect(302)
})

test('a page’s address without its final slash leads to the page, with its query', async () => {
  const { shortName } = await publishedProject(site, owner)
  const path = `/project/${shortName}`
  await site.http.get(path).expect(301).expect('Location', `${path}/`)
  await site.http.head(path).expect(301).expect('Location', `${path}/`)
  await site.http.get(`/${path}?from=a%20b&c=1`).expect(301).expect('Location', `${path}/?from=a%20b&c=1`)
  await site.http.get(`${path}/tasks`).expect(301).expect('Location', `${path}/tasks/`)
  await site.http.get('/project/V%C3%B6gel').expect(301).expect('Location', '/project/V%C3%B6gel/')
  await site.http.post(path).expect(404)
  await owner.http.get('/project/new').expect(200)
  for (const none of ['/none', `${path}/none`, '/account/none', '/api/project/', '/%ff'])
    assert.notEqual((await site.http.get(none)).status, 301)
})

test('a site without its database lives and shows what needs none, but is not ready', async (t) => {
  const nowhere = 'postgresql://app@127.0.0.1:1/none'
  const away = await startTestApp(t, {
    DATABASE_WRITE_URL: nowhere,
    DATABASE_READ_URL: nowhere,
    LOG_LEVEL: 'error',
  })
  await away.http.get('/healthz').expect(200, { status: 'alive' })
  await away.http.get('/readyz').expect(503, { status: 'database away' })
  await away.http.get('/readyz?without=database').expect(200, { status: 'ready' })
  for (const path of ['/about', '/help/privacy', '/account/signin']) await away.http.get(path).expect(200)
  const page = await away.http.get('/project/').expect(503).expect('Retry-After', '5')
  assert.match(page.text, /cannot reach its data at the moment/)
  const answer = await away.http.get('/api/project').expect(503).expect('Retry-After', '5')
  assert.equal((answer.body as Record<string, unknown>)['exception_cls'], 'ServiceUnavailable')
  await site.http.get('/readyz').expect(200, { status: 'ready' })
})

test('behind a proxy the request’s id is the proxy’s, unless it does not look like one', async (t) => {
  const behind = await startTestApp(t, { TRUST_PROXY: 'on' })
  const idOf = async (given: string) =>
    (await behind.http.get('/about').set('X-Request-Id', given)).headers['x-request-id']
  assert.equal(await idOf('proxy-id-12345'), 'proxy-id-12345')
  assert.notEqual(await idOf('no good id!'), 'no good id!')
  assert.notEqual(
    (await site.http.get('/about').set('X-Request-Id', 'proxy-id-12345')).headers['x-request-id'],
    'proxy-id-12345',
  )
})

test('behind a proxy a caller is the address that the proxy saw, whatever the caller says', async (t) => {
  const behind = await startTestApp(t, { TRUST_PROXY: 'on', RATE_LIMIT: '300/900' })
  const left = async (forwarded: string) => {
    const { headers } = await behind.http.get('/api/task').set('X-Forwarded-For', forwarded)
    return Number((headers as Record<string, string>)['x-ratelimit-remaining'])
  }
  assert.equal(await left('203.0.113.1'), 299)
  assert.equal(await left('198.51.100.7, 203.0.113.1'), 298)
  assert.equal(await left('203.0.113.2'), 299)
})

test('a site reached by https keeps its cookies for https', async (t) => {
  const secure = await startTestApp(t, { SITE_URL: 'https://manyhands.example', TRUST_PROXY: 'on' })
  const user = await secure.user()
  const response = await secure.http
    .post('/account/signin')
    .set('X-Forwarded-Proto', 'https')
    .type('form')
    .send({ email: `${user.name}@example.org`, password: user.password })
    .expect(302)
  assert.match(String(response.headers['set-cookie']), /__Host-session=.*; secure/i)
  const { headers } = await secure.http.get('/about').set('X-Forwarded-Proto', 'https')
  assert.match(String(headers['strict-transport-security']), /max-age=/)
})

test('a fault of ours is said without its details, with the number that leads to it', async (t) => {
  const broken = await startTestApp(t, { LOG_LEVEL: 'silent' })
  const client = new pg.Client({ connectionString: broken.env['DATABASE_DIRECT_URL'] })
  // Its database is dropped before it is ended.
  client.on('error', () => undefined)
  await client.connect()
  t.after(() => client.end())
  await client.query('alter table project rename to gone')
  await waitForReplica()
  const page = await broken.http.get('/').expect(500)
  assert.ok(page.text.includes(String(page.headers['x-request-id'])))
  assert.ok(!page.text.includes('relation'))
  const answer = await broken.http.get('/api/project').expect(500)
  const body = answer.body as Record<string, unknown>
  assert.deepEqual([body['exception_cls'], body['status_code']], ['InternalServerError', 500])
  assert.ok(!String(body['exception_msg']).includes('relation'))
})
