import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import sharp from 'sharp'
import { startTestApp } from '../support/app.ts'
import type { TestApp, TestUser } from '../support/app.ts'
import { draftProject } from '../support/builders.ts'
import { startChromium } from '../support/chromium.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { work } from '../support/jobs.ts'
import { makeZip } from '../support/make-zip.ts'
import { openAsOwner } from '../support/owner-page.ts'
import { pictureOf } from '../support/pictures.ts'
import { isFine } from '../support/template-session.ts'

const ending = untilFileEnds()
let site: TestApp
let browser: Browser
let owner: TestUser
let path: string

before(async () => {
  ;[site, browser] = await Promise.all([startTestApp(ending), startChromium(ending)])
  work(site)
  owner = await site.user()
  const { shortName } = await draftProject(site, owner, { tasks: 0 })
  path = `/project/${shortName}`
})

const LOOKS = [
  { viewport: { width: 360, height: 740 }, colorScheme: 'light' },
  { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' },
] as const

const photo = () =>
  sharp({ create: { width: 1200, height: 900, channels: 3, background: 'teal' } })
    .composite([
      {
        input: { create: { width: 300, height: 300, channels: 3, background: 'orange' } },
        left: 100,
        top: 500,
      },
    ])
    .jpeg()
    .toBuffer()

for (const look of LOOKS) {
  const { viewport, colorScheme } = look
  test(`a picture is cut by keyboard and by hand at ${viewport.width} px, ${colorScheme}`, async (t) => {
    const page = await openAsOwner(t, { site, browser, owner }, `${path}/picture`, {
      ...look,
      reducedMotion: 'reduce',
    })
    const file = { name: 'river.jpg', mimeType: 'image/jpeg', buffer: await photo() }
    await page.getByLabel('Picture', { exact: true }).setInputFiles(file)
    await page.getByRole('button', { name: 'Keep this picture' }).click()
    const cutter = page.getByRole('heading', { name: 'Choose what is shown' })
    await page.getByText('Your picture is kept').waitFor()
    while (!(await cutter.isVisible())) await page.reload()
    const size = page.getByLabel('How much of it')
    await size.focus()
    for (let presses = 0; presses < 50; presses += 1) await page.keyboard.press('ArrowLeft')
    assert.equal(await size.inputValue(), '50')
    const frame = page.locator('.cutter-frame')
    const before = await frame.boundingBox()
    const whole = await page.locator('.cutter img').boundingBox()
    assert.ok(before && whole)
    assert.ok(Math.abs(before.width / whole.width - 0.5) < 0.02, 'half as wide')
    assert.ok(Math.abs(before.width / before.height - 16 / 9) < 0.05, 'in its shape')
    await frame.hover()
    await page.mouse.down()
    await page.mouse.move(0, whole.y + whole.height, { steps: 8 })
    await page.mouse.up()
    assert.equal(await page.getByLabel('From left to right').inputValue(), '0')
    const after = await frame.boundingBox()
    assert.ok(after && after.x < before.x && after.y > before.y)
    await isFine(page, 'cut')
    await page.getByRole('button', { name: 'Show this part' }).click()
    await page.getByText('The part that you chose is drawn').waitFor()
    await page.goto(`${site.url}/account/picture`)
    await isFine(page, 'avatar')
  })

  test(`a zip of pictures and a bucket with keys are brought in at ${viewport.width} px, ${colorScheme}`, async (t) => {
    const page = await openAsOwner(t, { site, browser, owner }, `${path}/tasks/import`, {
      ...look,
      reducedMotion: 'reduce',
    })
    await page.getByText('The bucket is not open to everybody').click()
    await page.getByLabel('Secret').waitFor()
    await isFine(page, 'import-new')
    // Large enough to come in pieces.
    const buffer = await makeZip({
      'birds/robin.jpg': pictureOf('jpeg', 6_000_000),
      'wren.png': pictureOf('png'),
    })
    const file = { name: 'birds.zip', mimeType: 'application/zip', buffer }
    await page.getByLabel('File', { exact: true }).setInputFiles(file)
    const piece = page.waitForRequest((request) => request.method() === 'PATCH')
    await page.getByRole('button', { name: 'Preview' }).click()
    await piece
    await page.getByText('birds/robin.jpg (6.0 MB)').waitFor()
    await page.getByRole('button', { name: 'Add 2 tasks' }).waitFor()
    await isFine(page, 'import-zip')
    await page.getByRole('button', { name: 'Discard this list' }).click()
    await page.getByText('The list was discarded').waitFor()
    await isFine(page, 'import-discarded')

    await page.goto(`${site.url}${path}/tasks/import`)
    const photos = await makeZip({
      [`river-${viewport.width}.jpg`]: await photo(),
      'wren.png': pictureOf('png'),
    })
    await page
      .getByLabel('File', { exact: true })
      .setInputFiles({ name: 'photos.zip', mimeType: 'application/zip', buffer: photos })
    await page.getByRole('button', { name: 'Preview' }).click()
    await page.getByRole('button', { name: /^Add \d task/ }).click()
    await page.getByRole('link', { name: 'See the tasks' }).waitFor()
    await page.goto(`${site.url}${path}/tasks/browse`)
    while ((await page.locator('.pictured img').count()) < 2) await page.reload()
    await isFine(page, 'tasks-pictured')
    await page.getByRole('table').getByRole('link').first().click()
    await page.getByRole('link', { name: 'See the whole picture' }).waitFor()
    await isFine(page, 'task-pictured')
  })
}
