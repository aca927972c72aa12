import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { parseTemplatePresenter } from '../../src/domain/presenters/templates.ts'
import type { JsonObject } from '../../src/lib/bridge.ts'
import { defaultSettings } from '../../src/lib/templates/settings.ts'
import { imageClassification } from '../../src/lib/templates/image-classification.ts'
import { startTestApp } from '../support/app.ts'
import type { TestApp } from '../support/app.ts'
import { startChromium } from '../support/chromium.ts'
import { contribute, pictureTask } from '../support/contribution.ts'
import { untilFileEnds } from '../support/file-ending.ts'

const ending = untilFileEnds()
let site: TestApp
let browser: Browser

before(async () => {
  ;[site, browser] = await Promise.all([startTestApp(ending), startChromium(ending)])
})

function visit(t: TestContext, settings: JsonObject) {
  const whole = { ...defaultSettings(imageClassification), question: 'Which?', choices: ['Arms', 'Dust'] }
  const presenter = parseTemplatePresenter('image-classification', { ...whole, ...settings }, '')
  return contribute(t, site, browser, { presenter, infos: [1, 2].map(pictureTask) })
}

/** Leaves the page; whether that asked first. */
async function asksBeforeLeaving(page: Page): Promise<boolean> {
  let asked = false
  page.once('dialog', (dialog) => {
    asked = dialog.type() === 'beforeunload'
    void dialog.accept()
  })
  await page.goto('about:blank')
  return asked
}

test('leaving with something chosen asks first, and not once it is submitted', async (t) => {
  const { page, sees, choice, address } = await visit(t, { multiple: true })
  await sees(1)
  await choice('Arms').click()
  assert.equal(await asksBeforeLeaving(page), true)
  await page.goto(address)
  await sees(1)
  await choice('Arms').click()
  await choice('Submit').click()
  await sees(2)
  await page.getByText('Saved', { exact: true }).waitFor()
  assert.equal(await asksBeforeLeaving(page), false)
})

test('the second press of a double-click on Submit does not reach the next task', async (t) => {
  const { stored, frame, page, sees, choice, hasFetched } = await visit(t, { multiple: true })
  await sees(1)
  await hasFetched(2)
  await choice('Arms').click()
  await choice('Submit').dblclick()
  await sees(2)
  assert.equal(await frame.getByText('Choose at least one.').count(), 0)
  await choice('Dust').click()
  await choice('Submit').click()
  await page.locator('#finished-panel').waitFor()
  assert.deepEqual(await stored(), [{ answer: ['Arms'] }, { answer: ['Dust'] }])
})

test('each new task brings the keyboard to the question, and is told', async (t) => {
  const { frame, page, sees, choice } = await visit(t, { multiple: true })
  await sees(1)
  await choice('Arms').focus()
  await page.keyboard.press('Space')
  await choice('Submit').focus()
  await page.keyboard.press('Enter')
  await sees(2)
  await frame.locator('h1:focus').waitFor()
  await frame.getByText('Next task. Which?').waitFor({ state: 'attached' })
})

test('a comment goes with a choice that submits at once, for its task alone', async (t) => {
  const { stored, frame, page, sees, choice } = await visit(t, { commentBox: true, instructions: 'Look.' })
  await sees(1)
  await frame.getByText('Look.').waitFor()
  await frame.getByText('Add a comment').click()
  const comment = frame.getByLabel('Comment', { exact: true })
  await comment.fill(' 2 arms ')
  await comment.press('1')
  await choice('Arms').click()
  await sees(2)
  assert.equal(await comment.isVisible(), false)
  await choice('Dust').click()
  await page.locator('#finished-panel').waitFor()
  assert.deepEqual(await stored(), [{ answer: 'Arms', comment: '2 arms 1' }, { answer: 'Dust' }])
})
