import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { createServer } from '../../src/web/server.ts'
import { by } from '../support/api.ts'
import type { Body } from '../support/api.ts'
import { startTestApp } from '../support/app.ts'
import type { TestUser } from '../support/app.ts'
import { publishedProject } from '../support/builders.ts'
import type { BuiltProject } from '../support/builders.ts'
import { startChromium } from '../support/chromium.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { startCdn } from '../support/nginx.ts'
import { freePort } from '../support/started-site.ts'

const end = untilFileEnds()
const port = await freePort()
const cdn = await startCdn(end, `http://localhost:${port}`)
const cdnUrl = cdn.url
const site = await startTestApp(end, { STATIC_URL: cdnUrl, MEDIA_URL: cdnUrl })
let owner: TestUser
let project: BuiltProject

before(async () => {
  // The door that the CDN comes through.
  const server = await createServer(site.app)
  await server.listen(port, '127.0.0.1')
  end.after(() => server.close())
  owner = await site.user()
  project = await publishedProject(site, owner)
})

/** Asks the CDN twice, and gives what it has kept. */
async function kept(url: string): Promise<Response> {
  const first = await fetch(url)
  assert.deepEqual([first.status, first.headers.get('x-cdn')], [200, 'MISS'], url)
  await first.arrayBuffer()
  const second = await fetch(url)
  assert.equal(second.headers.get('x-cdn'), 'HIT', url)
  return second
}

test('styles, scripts and fonts come from the CDN, which keeps them', async () => {
  const { text, headers } = await site.http.get('/').expect(200)
  assert.match(text, new RegExp(`<link rel="preconnect" href="${cdnUrl}" crossorigin>`))
  const urls = [...text.matchAll(/(?:href|src)="([^"]*\/static\/[^"]*)"/g)].map(([, url = '']) => url)
  assert.ok(urls.length >= 4)
  for (const url of urls) {
    assert.ok(url.startsWith(`${cdnUrl}/static/`), url)
    assert.equal((await kept(url)).headers.get('access-control-allow-origin'), '*')
  }
  const policy = String(headers['content-security-policy'])
  for (const kind of ['script', 'style', 'font'])
    assert.ok(policy.includes(`${kind}-src 'self' ${cdnUrl};`), policy)
  assert.ok(policy.includes(`img-src 'self' data: ${cdnUrl};`))
  assert.ok(policy.includes("connect-src 'self';"))
})

test('files that people sent come from the CDN, which keeps them', async () => {
  const request = by(owner, site.http.post('/api/helpingmaterial')).field('project_id', project.id)
  const response = await request
    .attach('file', Buffer.from('body { color: red }'), { filename: 'a.css' })
    .expect(200)
  const url = String((response.body as Body)['media_url'])
  assert.ok(url.startsWith(`${cdnUrl}/uploads/`))
  const file = await kept(url)
  assert.match(String(file.headers.get('content-security-policy')), /sandbox/)
  assert.equal(await file.text(), 'body { color: red }')
})

test('what only one person may see is not kept by a CDN', async () => {
  for (const path of ['/account/signin', `/project/${project.shortName}/newtask`]) {
    for (let n = 0; n < 2; n += 1) assert.equal((await fetch(cdnUrl + path)).headers.get('x-cdn'), 'MISS')
  }
})

test('a browser takes what comes from the CDN, on pages and in the frame of a presenter', async (t) => {
  const browser = await startChromium(t)
  const page = await browser.newPage()
  const complaints: string[] = []
  const files: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('response', (response) => {
    if (response.url().includes('/static/')) files.push(response.url())
  })
  await page.goto(`${site.url}/project/${project.shortName}/newtask`)
  await page.locator('iframe').first().contentFrame().locator('#presenter *').first().waitFor()
  assert.equal(
    await page.evaluate("document.fonts.load('16px Figtree').then((fonts) => fonts.length > 0)"),
    true,
  )
  assert.ok(files.some((url) => url.includes('presenter-frame')))
  assert.deepEqual(
    files.filter((url) => !url.startsWith(cdnUrl)),
    [],
  )
  assert.deepEqual(
    complaints.filter((text) => /polic|CORS|blocked/i.test(text)),
    [],
  )
})
