import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { request as askTls } from 'node:https'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startTestApp } from '../support/app.ts'
import type { Body } from '../support/api.ts'
import { makeCertificate } from '../support/certificate.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { startHaproxy } from '../support/haproxy.ts'
import type { Haproxy } from '../support/haproxy.ts'
import { eventually } from '../support/jobs.ts'
import { startNginx } from '../support/nginx.ts'
import type { Nginx } from '../support/nginx.ts'
import type { TemplateValues } from '../support/rendered.ts'
import type { Ending } from '../support/servers.ts'
import { putBehindNginx } from '../support/site-behind-nginx.ts'

const end = untilFileEnds()
const site = await startTestApp(end, { TRUST_PROXY: 'on' })
const front = await putBehindNginx(end, site, {
  nginx_unlimited: ['127.0.0.1'],
  nginx_upload_mb: 1,
  nginx_import_mb: 3,
  nginx_resumable_mb: 5,
})

/** A server behind nginx that does what the application does not, or not when it is wanted. */
async function upstream(t: Ending, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function nginxBefore(
  t: Ending,
  upstreams: readonly string[],
  variables: TemplateValues = {},
): Promise<Nginx> {
  const nginx = await startNginx(t, {
    nginx_upstreams: upstreams,
    nginx_assets_folder: site.env['ASSETS_DIR'],
    nginx_unlimited: ['127.0.0.1'],
    ...variables,
  })
  assert.ok(nginx)
  return nginx
}

const post = (url: string, body: string | Uint8Array<ArrayBuffer> = '{}') =>
  fetch(url, { method: 'POST', body })

test('what nginx refuses or cannot reach is an error of the API below /api, and a page elsewhere', async (t) => {
  const away = await nginxBefore(t, ['127.0.0.1:9'])
  for (const [status, errorClass, noun, asked] of [
    [503, 'ServiceUnavailable', 'project', fetch(`${away.url}/api/project?limit="`)],
    [503, 'ServiceUnavailable', 'taskrun', post(`${away.url}/api/taskrun`)],
    [
      413,
      'RequestEntityTooLarge',
      'taskrun',
      post(`${front.nginx.url}/api/taskrun`, new Uint8Array(1_100_000)),
    ],
  ] as const) {
    const response = await asked
    assert.equal(response.status, status)
    assert.match(String(response.headers.get('content-type')), /^application\/json/)
    assert.equal(response.headers.get('access-control-allow-origin'), '*')
    const body = (await response.json()) as Body
    assert.deepEqual(
      [body['status'], body['status_code'], body['exception_cls'], body['target']],
      ['failed', status, errorClass, noun],
    )
  }
  for (const asked of [fetch(`${away.url}/account/profile`), post(`${away.url}/account/signin`)]) {
    const response = await asked
    assert.deepEqual([response.status, response.headers.get('retry-after')], [503, '5'])
    assert.match(await response.text(), /<h1>The site is away for a moment<\/h1>/)
  }
})

/** nginx before a real HAProxy before one web process, which is ready and does as it is told. */
async function behindHaproxy(
  t: Ending,
  listener: RequestListener,
  { variables = {}, values = {} }: { variables?: TemplateValues; values?: TemplateValues } = {},
): Promise<{ nginx: Nginx; haproxy: Haproxy; stop: () => void }> {
  let isReady = true
  const address = await upstream(t, (request, response) => {
    if (request.url?.startsWith('/readyz')) response.writeHead(isReady ? 200 : 503).end()
    else listener(request, response)
  })
  const [host = '', port] = address.split(':')
  const haproxy = await startHaproxy(t, {
    webServers: [{ name: 'web', address: host, port: Number(port) }],
    values: { haproxy_request_timeout: '700ms', ...values },
  })
  await haproxy.untilUp('web', ['web'])
  const nginx = await nginxBefore(t, [new URL(haproxy.webUrl).host], variables)
  return {
    nginx,
    haproxy,
    stop() {
      isReady = false
    },
  }
}

/** That an error is a whole page for a browser, and PyBossa's for a client of the API. */
async function assertError(
  url: string,
  status: number,
  errorClass: string,
  init?: RequestInit,
): Promise<void> {
  const page = await fetch(`${url}/account/profile`, init)
  const method = init?.method ?? 'GET'
  assert.equal(page.status, status, method)
  assert.match(String(page.headers.get('content-type')), /^text\/html/)
  assert.match(String(page.headers.get('retry-after')), /^\d+$/)
  assert.match(await page.text(), /<style>[^<]+<\/style>.*<h1>[^<]+<\/h1><p>[^<]+/s)
  const response = await fetch(`${url}/api/taskrun?x=1`, init)
  assert.deepEqual([response.status, response.headers.get('access-control-allow-origin')], [status, '*'])
  assert.match(String(response.headers.get('retry-after')), /^\d+$/)
  const { exception_msg: message, ...body } = (await response.json()) as Body
  assert.ok(String(message).length > 20)
  assert.deepEqual(body, {
    action: method,
    target: 'taskrun',
    status: 'failed',
    status_code: status,
    exception_cls: errorClass,
  })
}

test('without a web process HAProxy has no words, and everybody gets those of the site', async (t) => {
  const { nginx, haproxy, stop } = await behindHaproxy(t, (request) => request.socket.destroy())
  for (const method of ['GET', 'POST']) await assertError(nginx.url, 503, 'ServiceUnavailable', { method })
  stop()
  await Promise.all([haproxy.untilUp('web', []), haproxy.untilUp('web_without_database', [])])
  for (const method of ['GET', 'POST', 'PUT', 'DELETE'])
    await assertError(nginx.url, 503, 'ServiceUnavailable', { method })
  await haproxy.kill()
  await assertError(nginx.url, 503, 'ServiceUnavailable')
})

test('what HAProxy gives up waiting for is said in the form that is asked for', async (t) => {
  const { nginx } = await behindHaproxy(t, () => undefined)
  for (const method of ['GET', 'POST']) await assertError(nginx.url, 504, 'GatewayTimeout', { method })
})

test('who waits in vain for a web process that is full is told to come again', async (t) => {
  const arrived = Promise.withResolvers<undefined>()
  const { nginx } = await behindHaproxy(t, () => arrived.resolve(undefined), {
    values: { haproxy_web_maxconn: 1, haproxy_request_timeout: '30s' },
  })
  const leaving = new AbortController()
  const first = fetch(`${nginx.url}/account/profile`, { signal: leaving.signal })
  await arrived.promise
  await assertError(nginx.url, 503, 'ServiceUnavailable', { method: 'POST' })
  leaving.abort()
  await assert.rejects(first, { name: 'AbortError' })
})

test("the application's own errors pass through HAProxy and nginx as they are", async (t) => {
  const { nginx } = await behindHaproxy(t, (request, response) => {
    const status = Number(new URL(request.url ?? '', 'http://x').searchParams.get('status'))
    response.writeHead(status, { 'Content-Type': 'text/plain', 'Retry-After': '77' }).end(`own ${status}`)
  })
  for (const status of [400, 403, 404, 413, 414, 415, 429, 500, 502, 503, 504])
    for (const path of ['/about', '/account/profile', '/api/task'])
      for (const method of ['GET', 'POST']) {
        const response = await fetch(`${nginx.url}${path}?status=${status}`, { method })
        assert.equal(response.status, status)
        assert.equal(response.headers.get('retry-after'), '77')
        assert.equal(await response.text(), `own ${status}`, `${method} ${path}`)
      }
})

test('a request that cannot be read is refused in the form that is asked for', async (t) => {
  const nginx = await nginxBefore(t, ['127.0.0.1:9'])
  const send = async (lines: string) => {
    const socket = connect(Number(new URL(nginx.url).port), '127.0.0.1')
    socket.write(lines)
    return text(socket)
  }
  const long = 'x'.repeat(20_000)
  for (const [status, errorClass, rest] of [
    [414, 'RequestURITooLarge', `${long} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
    [400, 'BadRequest', ` HTTP/1.1\r\nHost: localhost\r\nCookie: ${long}\r\n\r\n`],
    [400, 'BadRequest', ' HTTP/1.1\r\n\r\n'],
  ] as const) {
    const answer = await send(`GET /api/task?n=${rest}`)
    assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
    const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as Body
    assert.deepEqual(
      [body['target'], body['status_code'], body['exception_cls']],
      ['task', status, errorClass],
    )
    assert.match(await send(`GET /about?api=/api/${rest}`), /Content-Type: text\/html.*<h1>This /s)
  }
  assert.equal((await fetch(`${nginx.url}/error/unreadable`)).status, 404)
})

test('who asks for a page that is kept does not wait for an application that hangs', async (t) => {
  let isHung = false
  const { nginx } = await behindHaproxy(
    t,
    (_request, response) => {
      response.setHeader('Cache-Control', 'public, s-maxage=1')
      response.setHeader('Content-Type', 'text/html')
      if (!isHung) response.end('old')
    },
    { variables: { nginx_page_patience: '300ms' }, values: { haproxy_request_timeout: '30s' } },
  )
  const ask = () => fetch(`${nginx.url}/about`, { headers: { Accept: 'text/html' } })
  assert.equal(await (await ask()).text(), 'old')
  isHung = true
  // nginx counts in whole seconds.
  await sleep(2_100)
  const began = performance.now()
  const pages = await Promise.all([ask(), ask(), ask()])
  assert.ok(performance.now() - began < 5_000)
  assert.deepEqual(new Set(pages.map(({ status }) => status)), new Set([200]))
  // Of what was never kept, there is nothing to show.
  assert.equal((await fetch(`${nginx.url}/stats`, { headers: { Accept: 'text/html' } })).status, 504)
})

test('how much may be sent depends on where to', async () => {
  const status = async (path: string, megabytes: number) =>
    (await post(`${front.nginx.url}${path}`, new Uint8Array(megabytes * 1_000_000))).status
  for (const path of ['/project/x/picture', '/api/helpingmaterial']) {
    assert.equal(await status(path, 2), 413, path)
    assert.notEqual(await status(path, 1), 413, path)
  }
  assert.notEqual(await status('/project/x/tasks/import', 3), 413)
  assert.equal(await status('/project/x/tasks/import', 4), 413)
  assert.notEqual(await status('/resumable', 5), 413)
  assert.equal(await status('/resumable', 6), 413)
})

test('requests of one address and of one key are limited, and files are not', async (t) => {
  const variables = { nginx_unlimited: [], nginx_address_per_second: 1, nginx_key_per_second: 1 }
  const address = await putBehindNginx(t, site, {
    ...variables,
    nginx_address_burst: 4,
    nginx_key_burst: 100,
  })
  const key = await putBehindNginx(t, site, { ...variables, nginx_address_burst: 100, nginx_key_burst: 2 })
  const atOnce = (count: number, url: string, request: RequestInit = {}) =>
    Promise.all(Array.from({ length: count }, () => fetch(url, request)))
  const pages = await atOnce(30, `${address.nginx.url}/about`)
  assert.ok(pages.filter(({ status }) => status === 200).length >= 5)
  assert.match((await pages.find(({ status }) => status === 429)?.text()) ?? '', /Too many requests/)
  const [css = ''] = /\/static\/site-\w+\.css/.exec(await (await fetch(`${site.url}/`)).text()) ?? []
  const files = await atOnce(30, `${address.nginx.url}${css}`)
  assert.deepEqual(new Set(files.map(({ status }) => status)), new Set([200]))

  const api = `${key.nginx.url}/api/project`
  for (const refused of [
    await atOnce(20, `${api}?api_key=one`),
    await atOnce(20, api, { headers: { Authorization: 'two' } }),
    await atOnce(20, `${api}?api_key=three`, { method: 'POST' }),
    await atOnce(20, `${api}?api_key=four`, { headers: { Accept: 'text/event-stream' } }),
  ]) {
    const response = refused.find(({ status }) => status === 429)
    assert.equal(((await response?.json()) as Body)['exception_cls'], 'TooManyRequests')
    assert.equal(response?.headers.get('x-ratelimit-remaining'), '0')
    assert.ok(Number(response.headers.get('x-ratelimit-reset')) * 1_000 > Date.now() - 1_000)
  }
  const others = [await fetch(`${api}?api_key=other`), ...(await atOnce(20, api))]
  assert.deepEqual(new Set(others.map(({ status }) => status)), new Set([200]))
})

test('reads are asked for once more elsewhere, and what writes is not', async (t) => {
  const seen: string[] = []
  const broken = await upstream(t, (request) => {
    seen.push(`${request.method}`)
    request.socket.destroy()
  })
  const good = await upstream(t, (request, response) => {
    seen.push(`${request.method}`)
    response.end('good')
  })
  for (const path of ['/account/profile', '/api/task']) {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH']) {
      const nginx = await nginxBefore(t, [broken, good])
      seen.splice(0)
      const answers: string[] = []
      for (let n = 0; n < 2; n += 1)
        answers.push(await (await fetch(`${nginx.url}${path}`, { method })).text())
      const isRead = method === 'GET'
      assert.equal(seen.length, isRead ? 3 : 2, `${method} ${path}`)
      assert.equal(answers.filter((answer) => answer === 'good').length, isRead ? 2 : 1)
    }
  }
})

test('only a proxy of ours is believed about who asks, and the application only us', async (t) => {
  let last: IncomingMessage | undefined
  const address = await upstream(t, (request, response) => {
    last = request
    response.setHeader('X-Request-Id', 'of-the-application')
    response.end('seen')
  })
  const open = await nginxBefore(t, [address])
  const behindCdn = await nginxBefore(t, [address], { nginx_trusted_proxies: ['127.0.0.1'] })
  const headers = {
    'X-Forwarded-For': '198.51.100.1, 203.0.113.7',
    'X-Forwarded-Host': 'evil.example',
    'X-Request-Id': 'made-up-by-a-client',
  }
  for (const [nginx, expected] of [
    [open, '127.0.0.1'],
    [behindCdn, '203.0.113.7'],
  ] as const) {
    const response = await fetch(`${nginx.url}/account/profile`, { headers })
    assert.equal(last?.headers['x-forwarded-for'], expected)
    assert.equal(last.headers['x-forwarded-host'], undefined)
    assert.equal(last.headers.host, new URL(nginx.url).host)
    assert.match(String(last.headers['x-request-id']), /^[\da-f]{32}$/)
    assert.equal(response.headers.get('x-request-id'), last.headers['x-request-id'])
  }
})

test('each request is a line of JSON without address, query or secret', async () => {
  await fetch(`${front.nginx.url}/files/sealed-permission?api_key=secret-key`, {
    headers: { 'User-Agent': 'a "b"' },
  })
  const lines = await front.nginx.accessLog()
  const line = lines.findLast(({ path }) => path === '/files/')
  assert.equal(line?.['agent'], 'a "b"')
  assert.deepEqual([line['method'], line['status']], ['GET', 404])
  assert.doesNotMatch(JSON.stringify(lines), /127\.0\.0\.1|sealed-permission|secret-key/)
})

test('what only those inside may see is not there', async () => {
  for (const path of ['/metrics', '/readyz', '/readyz/', '/READYZ', '/Metrics/', '//readyz', '/ready%7a?x'])
    assert.match(await (await fetch(`${front.nginx.url}${path}`)).text(), /<center>nginx<\/center>/, path)
})

test('the application has one name for each of what only those inside may see', async () => {
  await site.http.get('/readyz').expect(200)
  for (const path of ['/readyz/', '/READYZ', '/metrics/', '/Metrics']) await site.http.get(path).expect(404)
})

test('signing in is limited however its address is written', async (t) => {
  const address = await upstream(t, (request, response) => response.end('seen'))
  const nginx = await nginxBefore(t, [address], {
    nginx_unlimited: [],
    nginx_sign_in_per_minute: 1,
    nginx_sign_in_burst: 1,
  })
  const statuses: number[] = []
  for (let n = 0; n < 3; n += 1) statuses.push((await post(`${nginx.url}/account/signin`)).status)
  assert.deepEqual(statuses, [200, 200, 429])
  for (const path of ['/account/signin/', '/Account/SignIn', '/account//signin?next=x'])
    assert.equal((await post(`${nginx.url}${path}`)).status, 429, path)
  assert.equal((await post(`${nginx.url}/account/signin/x`)).status, 200)
})

test('the application hears of the host that a page is kept under', async (t) => {
  const hosts: (string | undefined)[] = []
  const address = await upstream(t, (request, response) => {
    hosts.push(request.headers.host)
    response.end('seen')
  })
  const nginx = await nginxBefore(t, [address])
  const both = connect(Number(new URL(nginx.url).port), '127.0.0.1')
  both.write(
    'GET http://localhost/about HTTP/1.1\r\nHost: evil.example\r\nAccept: text/html\r\nConnection: close\r\n\r\n',
  )
  assert.match(await text(both), /seen/)
  assert.deepEqual(hosts, ['localhost'])
})

test('fifty who come at once for a page that is too old are one request', async (t) => {
  let [asked, told] = [0, 0]
  const release = Promise.withResolvers<undefined>()
  const address = await upstream(t, (request, response) => {
    asked += 1
    response.setHeader('Cache-Control', 'public, s-maxage=1')
    response.setHeader('Content-Type', 'text/html')
    if (asked === 1) response.end('old')
    else void release.promise.then(() => response.end('new'))
  })
  const nginx = await nginxBefore(t, [address])
  const ask = async () => {
    const page = await (await fetch(`${nginx.url}/about`, { headers: { Accept: 'text/html' } })).text()
    told += 1
    return page
  }
  assert.equal(await ask(), 'old')
  // nginx counts in whole seconds.
  await sleep(2_100)
  const rush = Promise.all(Array.from({ length: 50 }, ask))
  await eventually(() => asked + told === 52)
  release.resolve(undefined)
  const pages = await rush
  assert.equal(asked, 2)
  assert.equal(pages.filter((page) => page === 'new').length, 1)
  assert.equal(await ask(), 'new')
})

test('a slow client does not occupy the application', async (t) => {
  const seen: string[] = []
  const address = await upstream(t, (request, response) => {
    seen.push(request.url ?? '')
    void text(request).then((body) => response.end(`${body.length} letters`))
  })
  const nginx = await nginxBefore(t, [address])
  const slow = connect(Number(new URL(nginx.url).port), '127.0.0.1')
  slow.write('POST /slow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 10\r\n\r\nhalf ')
  await once(slow, 'connect')
  assert.equal(await (await post(`${nginx.url}/quick`, 'all')).text(), '3 letters')
  assert.deepEqual(seen, ['/quick'])
  slow.write('whole')
  assert.match(await text(slow), /10 letters/)
  assert.deepEqual(seen, ['/quick', '/slow'])
})

test('an event comes as it is sent', async (t) => {
  let finish = () => {}
  const address = await upstream(t, (request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.write('data: first\n\n')
    finish = () => void response.end('data: second\n\n')
  })
  const nginx = await nginxBefore(t, [address])
  const response = await fetch(`${nginx.url}/events/1`)
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  assert.equal((await reader?.read())?.value, 'data: first\n\n')
  finish()
  assert.equal((await reader?.read())?.value, 'data: second\n\n')
})

test('HAProxy does not end a quiet stream of events, and ends what else says nothing', async (t) => {
  const address = await upstream(t, (request, response) => {
    if (request.url?.startsWith('/readyz')) response.end('ready')
    else if (request.url === '/events/1') void sleep(1_000).then(() => response.end('data: late\n\n'))
  })
  const [host = '', port] = address.split(':')
  const haproxy = await startHaproxy(t, {
    webServers: [{ name: 'web', address: host, port: Number(port) }],
    values: { haproxy_request_timeout: '300ms' },
  })
  await haproxy.untilUp('web', ['web'])
  const [event, other] = await Promise.all(
    ['/events/1', '/about'].map((path) => fetch(`${haproxy.webUrl}${path}`)),
  )
  assert.equal(await event?.text(), 'data: late\n\n')
  assert.equal(other?.status, 504)
})

test('files come from the disk, compressed, for a year, for presenters too; what is not there from the application', async () => {
  const { url } = front.nginx
  const [path = ''] = /\/static\/site-\w+\.css/.exec(await (await fetch(`${url}/`)).text()) ?? []
  const manifest = JSON.parse(
    readFileSync(join(String(site.env['ASSETS_DIR']), 'manifest.json'), 'utf8'),
  ) as Record<string, string>
  const font = `/static/${manifest['figtree-latin.woff2']}`
  front.asked.splice(0)
  const lengths = new Set<number>()
  for (const encoding of ['br', 'gzip', 'identity']) {
    const response = await fetch(`${url}${path}`, { headers: { 'Accept-Encoding': encoding } })
    assert.equal(response.headers.get('content-encoding') ?? 'identity', encoding)
    assert.equal(response.headers.get('cache-control'), 'public, max-age=31536000, immutable')
    assert.equal(response.headers.get('content-type'), 'text/css; charset=utf-8')
    lengths.add(Number(response.headers.get('content-length')))
  }
  assert.equal(lengths.size, 3)
  const response = await fetch(`${url}${font}`)
  assert.deepEqual(
    [response.headers.get('content-type'), response.headers.get('access-control-allow-origin')],
    ['font/woff2', '*'],
  )
  assert.equal(front.asked.length, 0)
  assert.equal((await fetch(`${url}/static/of-an-older-release.css`)).status, 404)
  assert.equal(front.asked.length, 1)
})

test('with a certificate it speaks HTTP/2, and leads there from http', async (t) => {
  const { certificate, key } = await makeCertificate(t)
  let scheme: string | undefined
  const address = await upstream(t, (request, response) => {
    scheme = `${String(request.headers['x-forwarded-proto'])} ${request.headers.host}`
    response.end('secret')
  })
  const nginx = await nginxBefore(t, [address], { nginx_tls_certificate: certificate, nginx_tls_key: key })
  const ca = readFileSync(certificate)
  const session = connectHttp2(nginx.url, { ca })
  const stream = session.request({ ':path': '/account/profile' })
  assert.equal(await text(stream), 'secret')
  session.close()
  assert.equal(scheme, `https ${new URL(nginx.url).host}`)
  const [response] = (await once(askTls(`${nginx.url}/account/profile`, { ca }).end(), 'response')) as [
    IncomingMessage,
  ]
  assert.equal(await text(response), 'secret')
  const plain = /listen (127\.0\.0\.1:\d+) default_server;/.exec(
    readFileSync(join(nginx.folder, 'nginx.conf'), 'utf8'),
  )?.[1]
  const led = await fetch(`http://${plain}/account/signin?next=x`, { redirect: 'manual' })
  assert.deepEqual(
    [led.status, led.headers.get('location')],
    [308, 'https://127.0.0.1/account/signin?next=x'],
  )
})
