import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'csv-parse/sync'
import type { Browser, Page } from 'playwright-core'
import { startTestApp } from '../support/app.ts'
import type { TestApp } from '../support/app.ts'
import { startChromium } from '../support/chromium.ts'
import { waitForReplica } from '../support/servers.ts'
import { readZip } from '../support/zip.ts'

const TASKS = ['crow', 'heron', 'kite', 'wren']
const CSV = `picture,bird\n${TASKS.map((bird, index) => `/media/demo/hubble-00${index + 1}.jpg,"${bird}, ""wild"""`).join('\n')}\n`

/** The worker as a process of its own, as in production. */
function startWorker(t: TestContext, site: TestApp): void {
  const script = fileURLToPath(new URL('../../src/bin/worker.ts', import.meta.url))
  const worker = spawn(process.execPath, [script], {
    env: { ...process.env, ...site.env, LOG_LEVEL: 'error' },
    stdio: 'inherit',
  })
  const ended = new Promise((resolve) => worker.once('exit', resolve))
  t.after(async () => {
    worker.kill('SIGTERM')
    await ended
  })
}

async function press(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click()
}

async function makeProject(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await page.getByRole('link', { name: 'Sign up' }).click()
  await page.getByLabel('Your name').fill('Olive Owner')
  await page.getByLabel('User name').fill('olive')
  await page.getByLabel('E-mail').fill('olive@example.org')
  await page.getByLabel('Password').fill('four plain test words')
  await press(page, 'Create account')
  await page.getByRole('link', { name: 'Create a project' }).click()
  await page.getByLabel('Name', { exact: true }).fill('Birds of the river')
  await page.getByLabel('Short name').fill('river-birds')
  await page.getByLabel('In one sentence').fill('Say which birds you see.')
  await press(page, 'Create project')
}

async function addTasks(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'Add tasks' }).first().click()
  await page.getByLabel('Or paste rows here').fill('picture,bird\nonly one cell\n')
  await press(page, 'Preview')
  await page.getByText('nothing was added').waitFor()
  await page.getByRole('link', { name: 'Choose another file' }).click()
  await page
    .getByLabel('File')
    .setInputFiles({ name: 'birds.csv', mimeType: 'text/csv', buffer: Buffer.from(CSV) })
  await press(page, 'Preview')
  await page.getByText('Nothing is saved yet').waitFor()
  await page.getByLabel('Answers wanted for each task').fill('3')
  await press(page, 'Add 4 tasks')
  await page.getByText('4 tasks added').waitFor()
}

async function writeQuestion(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'Question', exact: true }).click()
  await page.getByLabel('Question', { exact: true }).fill('Is it a bird?')
  await page.getByLabel('Answer choices').fill('Yes\nNo')
  await page.getByLabel('Tutorial (optional)').fill('Look closely.\nThen decide.')
  await press(page, 'Save question')
  await press(page, 'Publish project')
  await page.getByText('Your project is published').waitFor()
}

/** One contributor answers everything there is, by mouse or by keyboard. */
async function contribute(browser: Browser, url: string, how: 'mouse' | 'keys' | 'phone'): Promise<void> {
  const context = await browser.newContext(
    how === 'phone' ? { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true } : {},
  )
  const page = await context.newPage()
  await page.goto(url)
  await page.getByRole('link', { name: 'Birds of the river' }).click()
  await page.getByRole('link', { name: 'Start', exact: true }).click()
  await page.getByText('Look closely.').waitFor()
  await press(page, 'Start answering')
  const frame = page.frameLocator('#presenter-frame')
  let address = ''
  for (const [index] of TASKS.entries()) {
    const choice = frame.getByRole('button', { name: 'Yes' })
    // The address names the task on screen: answering before it changed would be a double click.
    await page.waitForURL((shown) => shown.href !== address && /\/task\/\d+$/.test(shown.pathname))
    address = page.url()
    await page.waitForTimeout(400)
    if (how === 'keys') await page.keyboard.press('1')
    else if (how === 'phone') await choice.tap()
    else await choice.click()
    await page.getByText(`${index + 1} answer${index === 0 ? '' : 's'} from you`).waitFor()
  }
  await page.getByText('That was the last one. Thank you.').waitFor()
  await context.close()
}

test('an owner uploads tasks, three people answer them in a browser, the owner exports what they said', async (t) => {
  const site = await startTestApp(t)
  startWorker(t, site)
  const browser = await startChromium(t)
  const page = await (await browser.newContext()).newPage()
  page.setDefaultTimeout(20_000)

  await makeProject(page, site.url)
  await addTasks(page)
  await writeQuestion(page)
  for (const how of ['mouse', 'keys', 'phone'] as const) await contribute(browser, site.url, how)

  // The owner did not send them: nothing holds the owner's reads back until a replica has them.
  await waitForReplica()
  await page.getByRole('link', { name: 'Answers', exact: true }).click()
  // A page that is still coming has fewer.
  await page.waitForLoadState()
  assert.equal(await page.getByRole('cell', { name: 'Yes', exact: true }).count(), 12)
  await page.getByRole('link', { name: 'Export', exact: true }).first().click()
  await press(page, 'Export')
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Download' }).click(),
  ])
  assert.match(download.suggestedFilename(), /^\d+_river-birds_task_run_csv\.zip$/)
  const members = await readZip(await readFile(await download.path()))
  assert.deepEqual([...members.keys()].sort(), [
    'README.txt',
    'datapackage.json',
    'river-birds_task_run.csv',
    'river-birds_task_run_info_only.csv',
  ])
  const rows = parse<Record<string, string>>(members.get('river-birds_task_run.csv') ?? '', { columns: true })
  const counted = new Map<string, number>()
  for (const row of rows) {
    assert.equal(row['info_answer'], 'Yes')
    assert.match(row['user_ip'] ?? '', /^2[45]\d\./)
    counted.set(row['task_id'] ?? '', (counted.get(row['task_id'] ?? '') ?? 0) + 1)
  }
  assert.deepEqual([...counted.values()], [3, 3, 3, 3])

  await page.goto(`${site.url}/account/mail`)
  await page.getByRole('link', { name: 'Your export of Birds of the river is ready' }).waitFor()
})
