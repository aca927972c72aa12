import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { startTestApp } from '../support/app.ts'
import type { TestApp, TestUser } from '../support/app.ts'
import { publishedProject, rowsOf } from '../support/builders.ts'
import { startChromium } from '../support/chromium.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { openAsOwner } from '../support/owner-page.ts'
import { waitForReplica } from '../support/servers.ts'

const ending = untilFileEnds()
let site: TestApp
let browser: Browser

before(async () => {
  ;[site, browser] = await Promise.all([startTestApp(ending), startChromium(ending)])
})

function signedIn(t: TestContext, owner: TestUser, path: string): Promise<Page> {
  const permissions = ['clipboard-read', 'clipboard-write']
  return openAsOwner(t, { site, browser, owner }, path, { permissions })
}

test('a new API key is copied by a press', async (t) => {
  const page = await signedIn(t, await site.user(), '/account/keys')
  await page.getByLabel('Name of a new key').fill('laptop')
  await page.getByRole('button', { name: 'Make a key' }).click()
  const key = await page.locator('#new-key').innerText()
  await page.getByRole('button', { name: 'Copy' }).click()
  await page.getByRole('button', { name: 'Copied' }).waitFor()
  assert.equal(await page.evaluate('navigator.clipboard.readText()'), key)
})

test('the short name follows the name until somebody types another one', async (t) => {
  const page = await signedIn(t, await site.user(), '/project/new')
  const [name, shortName] = [page.getByLabel('Name', { exact: true }), page.getByLabel('Short name')]
  await name.fill('Birds of')
  await name.pressSequentially(' the River')
  assert.equal(await shortName.inputValue(), 'birds-of-the-river')
  await shortName.fill('river')
  await name.fill('Fish')
  assert.equal(await shortName.inputValue(), 'river')
})

test('on a telephone an export is downloaded without scrolling sideways', async (t) => {
  const owner = await site.user()
  const { id, shortName } = await publishedProject(site, owner)
  await rowsOf(
    site,
    `insert into project_export (project_id, user_id, what, format, state, n_rows, n_rows_done, bytes, file_key, file_name, finished, expires)
     values ($1, $2, 'task_run', 'json', 'done', 123456, 123456, 7654321, 'x', 'x.zip', now(), now() + interval '1 day')`,
    [id, owner.id],
  )
  await waitForReplica()
  const page = await signedIn(t, owner, `/project/${shortName}/tasks/export`)
  await page.setViewportSize({ width: 360, height: 740 })
  const box = await page.getByRole('link', { name: 'Download' }).boundingBox()
  assert.ok(box && box.x >= 0 && box.x + box.width <= 360)
})

test('an export that is under way shows its progress by itself, and not while somebody reads it by keyboard', async (t) => {
  const owner = await site.user()
  const { shortName } = await publishedProject(site, owner)
  const path = `/project/${shortName}/tasks/export`
  await owner.http.post(path).type('form').send({ type: 'task', format: 'csv' }).expect(302)
  const page = await signedIn(t, owner, path)
  const part = page.locator('[data-refresh]').first()
  await part.waitFor()
  // The server is away for one round.
  await page.route(`**${path}`, (route) => route.abort(), { times: 1 })
  await page.waitForEvent('requestfailed')
  await rowsOf(site, `update project_export set state = 'running', n_rows = 40, n_rows_done = 10`)
  await page
    .getByText(/10 of 40|25 %/)
    .first()
    .waitFor()
})
