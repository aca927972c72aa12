import { before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { startTestApp } from '../support/app.ts'
import type { TestApp } from '../support/app.ts'
import { draftProject, rowsOf } from '../support/builders.ts'
import { startChromium } from '../support/chromium.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { work } from '../support/jobs.ts'
import { openAsOwner } from '../support/owner-page.ts'
import { startRowsSite } from '../support/rows-site.ts'
import type { RowsSite } from '../support/rows-site.ts'
import { isFineEverywhere } from '../support/template-session.ts'

const ending = untilFileEnds()
let elsewhere: RowsSite
let site: TestApp
let browser: Browser

before(async () => {
  elsewhere = await startRowsSite(ending)
  ;[site, browser] = await Promise.all([
    startTestApp(ending, { PRIVATE_ADDRESSES: '127.0.0.1' }),
    startChromium(ending),
  ])
})

test('an owner follows an import from its address to its tasks, without loading a page anew', async (t) => {
  const owner = await site.user()
  const { shortName } = await draftProject(site, owner, { tasks: 0 })
  const path = `/project/${shortName}/tasks/import`
  const page = await openAsOwner(t, { site, browser, owner }, path)
  elsewhere.answer('/river/birds.csv', { body: 'picture,place\na.jpg,Bank\nb.jpg,Bridge\n' })
  await page.getByLabel('Address').fill(`${elsewhere.url}/river/birds.csv`)
  await isFineEverywhere(page, 'new')
  await page.getByRole('button', { name: 'Fetch' }).click()
  await page.getByRole('heading', { name: 'Fetching' }).waitFor()
  await isFineEverywhere(page, 'fetching')
  const worker = work(site)
  await page.getByText('These are all 2 rows').waitFor()
  await isFineEverywhere(page, 'preview')
  await worker.stop()
  await page.getByRole('button', { name: 'Add 2 tasks' }).click()
  await page.getByRole('heading', { name: 'Adding the tasks of birds.csv' }).waitFor()
  await rowsOf(
    site,
    `update task_import set state = 'running', bytes = 90000, bytes_done = 40000, n_rows_done = 1234,
                            started = now() - interval '1 minute'`,
  )
  await page.getByText('1,234 rows read, about 1 minute left').or(page.getByText('seconds left')).waitFor()
  await isFineEverywhere(page, 'running')
  await rowsOf(site, `update task_import set state = 'waiting'`)
  work(site)
  await page.getByText('2 tasks added').waitFor()
  await isFineEverywhere(page, 'done')

  await page.getByRole('button', { name: 'Fetch every day' }).click()
  await page.getByText('0 tasks added, 2 skipped').waitFor()
  await isFineEverywhere(page, 'daily')
  elsewhere.answer('/river/birds.csv', { status: 404 })
  await page.getByLabel('Address').fill(`${elsewhere.url}/river/${'long-words-without-end-'.repeat(8)}.csv`)
  await page.getByRole('button', { name: 'Fetch every day' }).click()
  await page.getByText('It failed the last time').waitFor()
  await isFineEverywhere(page, 'daily-failed')
  await page.getByRole('link', { name: 'See more' }).click()
  await page.getByRole('heading', { name: 'The import failed' }).waitFor()
  await isFineEverywhere(page, 'failed')
  await page.goto(site.url + path)
  await page.getByRole('table').waitFor()
  await isFineEverywhere(page, 'list')
})
