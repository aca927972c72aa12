import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { startTestApp } from '../support/app.ts'
import type { TestApp, TestUser } from '../support/app.ts'
import { publishedProject } from '../support/builders.ts'
import { startChromium } from '../support/chromium.ts'
import { startCutNetwork } from '../support/cut-network.ts'
import type { CutNetwork } from '../support/cut-network.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { openAsOwner } from '../support/owner-page.ts'

const MB = 1024 * 1024
const ending = untilFileEnds()
let network: CutNetwork
let site: TestApp
let browser: Browser
let owner: TestUser
let path: string
let projectId: number

const folder = mkdtempSync(join(tmpdir(), 'mh-resumable-'))
ending.after(() => {
  rmSync(folder, { recursive: true })
})

function fileOf(name: string, content: Buffer): string {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

before(async () => {
  network = await startCutNetwork(ending)
  const siteUrl = `http://localhost:${network.port}`
  const app = await startTestApp(ending, { SITE_URL: siteUrl, UPLOAD_EXTENSIONS: 'bin' })
  network.leadTo(app.app.config.http.port)
  site = { ...app, url: siteUrl }
  browser = await startChromium(ending)
  owner = await site.user()
  const project = await publishedProject(site, owner)
  projectId = project.id
  path = `/project/${project.shortName}/tasks/helpingmaterials`
})

test('a large file goes on where the connection broke, and the form follows by itself', async (t) => {
  const page = await openAsOwner(t, { site, browser, owner }, path)
  const content = Buffer.concat([Buffer.from('words'), randomBytes(12 * MB)])
  await page.getByLabel('File').setInputFiles(fileOf('Large.bin', content))
  // Slow enough that the break comes in the middle.
  const session = await page.context().newCDPSession(page)
  const slow = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 2 * MB }
  await session.send('Network.emulateNetworkConditions', slow)
  await page.getByLabel('What it shows').fill('A large file')
  await page.getByRole('button', { name: 'Add' }).click()
  const status = page.getByRole('status')
  await status.filter({ hasText: /Sending the file: [2-6]\d %/ }).waitFor()
  const shot = process.env['SHOTS']
  if (shot) await page.screenshot({ path: `${shot}/resumable.png`, fullPage: true })
  network.cut()
  await status.filter({ hasText: /The connection is lost at \d+ %/ }).waitFor()
  const resumed = page.waitForRequest((request) => request.method() === 'PATCH')
  network.mend()
  assert.ok(Number((await resumed).headers()['upload-offset']) > 0, 'it does not begin anew')
  await page.getByText('Large.bin').first().waitFor()
  const listed = await site.http.get(`/api/helpingmaterial?project_id=${projectId}`)
  const [{ media_url: url }] = listed.body as [{ media_url: string }]
  const response = await site.http.get(new URL(url).pathname).buffer().responseType('blob')
  assert.ok(content.equals(response.body as Buffer))
})

test('one that is too large is told before it is sent, and sending can be stopped and gone on with', async (t) => {
  const page = await openAsOwner(t, { site, browser, owner }, path)
  const choose = (megabytes: number) =>
    page.getByLabel('File').setInputFiles(fileOf('Other.bin', Buffer.alloc(megabytes * MB, 7)))
  const add = page.getByRole('button', { name: 'Add' })
  const status = page.getByRole('status')
  await choose(17)
  await add.click()
  await status.filter({ hasText: 'This file is too large' }).waitFor()

  await page.route('**/resumable/*', () => undefined)
  await choose(6)
  const begun = page.waitForRequest('**/resumable/*')
  await add.click()
  await begun
  await page.getByRole('button', { name: 'Stop' }).click()
  await status.filter({ hasText: 'Stopped.' }).waitFor()
  await page.unroute('**/resumable/*')
  const again = page.waitForRequest((request) => request.method() === 'HEAD')
  await add.click()
  await again
  await page.getByText('Other.bin').first().waitFor()
})
