import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { TestContext } from 'node:test'
import { AxeBuilder } from '@axe-core/playwright'
import type { Browser } from 'playwright-core'
import { startTestApp } from '../support/app.ts'
import type { TestApp } from '../support/app.ts'
import { rowsOf } from '../support/builders.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { startChromium } from '../support/chromium.ts'
import { eventually } from '../support/jobs.ts'
import { contribute, pictureTask } from '../support/contribution.ts'
import type { ContributionOptions } from '../support/contribution.ts'
import { BIRDS } from '../support/presenter-project.ts'

const ending = untilFileEnds()
let site: TestApp
let browser: Browser

before(async () => {
  ;[site, browser] = await Promise.all([startTestApp(ending), startChromium(ending)])
})

function visit(t: TestContext, options?: ContributionOptions) {
  return contribute(t, site, browser, options)
}

const answers = (...names: string[]) => names.map((answer) => ({ answer }))

test('a press on a choice saves it and shows the next task, until a friendly end', async (t) => {
  const { stored, project, taskIds, page, sees, choice } = await visit(t)
  await sees(1)
  assert.match(page.url(), new RegExp(`/project/${project.shortName}/task/${taskIds[0] ?? 0}$`))
  await choice('Yes').click()
  await sees(2)
  assert.match(page.url(), new RegExp(`/task/${taskIds[1] ?? 0}$`))
  await choice('No').click()
  await sees(3)
  await choice('Maybe').click()
  await page.locator('#finished-panel').waitFor()
  assert.deepEqual(await stored(), answers('Yes', 'No', 'Maybe'))
  assert.equal(await page.locator('#own-count').innerText(), '3 answers from you')
  assert.match(page.url(), /newtask$/)
})

test('number keys answer, in the frame and on the page around it, and a held key answers once', async (t) => {
  const { stored, page, frame, sees } = await visit(t)
  await sees(1)
  await frame.locator('body').press('2')
  await sees(2)
  await page.locator('body').press('3')
  await sees(3)
  await frame.locator('body').press('9')
  await frame.locator('body').press('Control+1')
  await frame.locator('body').dispatchEvent('keydown', { key: '1', repeat: true })
  await frame.locator('body').press('1')
  await page.locator('#finished-panel').waitFor()
  assert.deepEqual(await stored(), answers('No', 'Maybe', 'Yes'))
})

test('by keyboard alone the focus stays on the choices from task to task', async (t) => {
  const { stored, page, sees, choice } = await visit(t)
  await sees(1)
  await choice('No').focus()
  await page.keyboard.press('Enter')
  await sees(2)
  await page.keyboard.press('Space')
  await sees(3)
  await page.keyboard.press('Shift+Tab')
  await page.keyboard.press('Enter')
  await page.locator('#finished-panel').waitFor()
  assert.deepEqual(await stored(), answers('No', 'No', 'Yes'))
})

test('the next picture is there before the answer, so that it shows at once', async (t) => {
  const { page, sees, choice, hasFetched } = await visit(t)
  await sees(1)
  await hasFetched(2)
  await page.context().setOffline(true)
  await choice('Yes').click()
  await sees(2)
})

test('the second press of a double-click does not answer the next task', async (t) => {
  const { stored, sees, choice, hasFetched } = await visit(t)
  await sees(1)
  await hasFetched(2)
  await choice('Yes').dblclick()
  await sees(2)
  await choice('No').click()
  await sees(3)
  assert.deepEqual(await stored(), answers('Yes', 'No'))
})

test('an answer that cannot be sent waits, the next task shows, and it is stored once', async (t) => {
  const { stored, page, sees, choice } = await visit(t)
  const keys = new Set<string | undefined>()
  let attempts = 0
  await page.route('**/api/taskrun*', async (route) => {
    keys.add(route.request().headers()['idempotency-key'])
    attempts += 1
    if (attempts === 1) return route.fulfill({ status: 503, body: '<html>Bad gateway</html>' })
    if (attempts === 2) return route.abort()
    if (attempts > 3) return route.continue()
    // Stored, but the answer gets lost on the way back.
    await route.fetch()
    return route.abort()
  })
  await sees(1)
  await choice('Yes').click()
  await page.getByText('1 answer waiting to be sent').waitFor()
  await sees(2)
  await page.getByText('Saved', { exact: true }).waitFor({ timeout: 20_000 })
  assert.equal(attempts, 4)
  assert.equal(keys.size, 1)
  assert.deepEqual(await stored(), answers('Yes'))
  assert.equal(await page.locator('#own-count').innerText(), '1 answer from you')
})

test('leaving while an answer waits asks first, and the next visit sends it', async (t) => {
  const { stored, address, page, sees, choice } = await visit(t)
  await page.route('**/api/taskrun*', (route) => route.abort())
  await sees(1)
  await choice('No').click()
  await page.getByText('1 answer waiting to be sent').waitFor()
  const asked = new Promise<string>((resolve) => {
    page.once('dialog', (dialog) => {
      resolve(dialog.type())
      void dialog.accept()
    })
  })
  await page.unroute('**/api/taskrun*')
  await page.goto(address)
  assert.equal(await asked, 'beforeunload')
  await page.getByText('Saved', { exact: true }).waitFor()
  assert.deepEqual(await stored(), answers('No'))
})

test('when somebody is no longer known, an answer waits until they are back', async (t) => {
  const { stored, page, context, sees, choice } = await visit(t)
  await sees(1)
  const cookies = await context.cookies()
  await context.clearCookies()
  await choice('Maybe').click()
  await page.getByText('You are signed out. Sign in again').waitFor()
  await page.getByText('1 answer waiting to be sent').waitFor()
  assert.deepEqual(await stored(), [])
  await context.addCookies(cookies)
  await page.getByText('Saved', { exact: true }).waitFor({ timeout: 20_000 })
  assert.deepEqual(await stored(), answers('Maybe'))
})

test('when the site cannot be reached the page says so, and goes on by itself', async (t) => {
  const { page, frame, sees, choice, hasFetched } = await visit(t)
  await sees(1)
  await hasFetched(2)
  await page.route('**/api/**', (route) => route.abort())
  await choice('Yes').click()
  await sees(2)
  await choice('Yes').click()
  await frame.getByText('The connection is lost. Trying again…').waitFor()
  await page.unroute('**/api/**')
  await sees(3)
})

test('a refused answer is told to the person', async (t) => {
  const { page, sees, choice } = await visit(t, { infos: [1, 2].map(pictureTask) })
  await page.route('**/api/taskrun*', (route) =>
    route.fulfill({ status: 403, json: { exception_msg: 'You must request a task first!' } }),
  )
  await sees(1)
  await choice('Yes').click()
  await page.getByText('You must request a task first!').waitFor()
  await sees(2)
  assert.equal(await page.locator('#own-count').innerText(), '0 answers from you')
})

test('a task can be skipped and does not come back', async (t) => {
  const { stored, page, sees, choice, address } = await visit(t, { infos: [1, 2].map(pictureTask) })
  await sees(1)
  const skipped = page.waitForResponse((response) => response.url().endsWith('/skip'))
  await page.locator('#skip-task').click()
  await sees(2)
  assert.equal((await skipped).ok(), true)
  await choice('Yes').click()
  await page.locator('#finished-panel').waitFor()
  assert.deepEqual(await stored(), answers('Yes'))
  const left = /Nothing else is left for you now\. The task you skipped comes back tomorrow/
  assert.match(await page.locator('#finished-text').innerText(), left)
  assert.equal(await page.locator('#skip-task').isVisible(), false)
  await page.goto(address)
  await page.locator('#finished-panel').waitFor()
  assert.match(await page.locator('#finished-text').innerText(), left)
})

test('a reload opens the same task', async (t) => {
  const { page, sees, choice } = await visit(t)
  await sees(1)
  await choice('Yes').click()
  await sees(2)
  await page.getByText('Saved', { exact: true }).waitFor()
  await page.reload()
  await sees(2)
  await choice('No').click()
  await sees(3)
})

test('a picture that cannot be loaded can be tried again or passed over, not answered', async (t) => {
  const { stored, page, frame, sees, choice } = await visit(t, {
    infos: [{ picture: '/media/demo/none.jpg' }, pictureTask(2)],
  })
  await frame.getByText('The picture could not be loaded.').waitFor()
  assert.equal(await choice('Yes').getAttribute('aria-disabled'), 'true')
  await frame.locator('body').press('1')
  await frame.getByRole('button', { name: 'Try again' }).click()
  await frame.getByText('The picture could not be loaded.').waitFor()
  await frame.getByRole('button', { name: 'Skip this task' }).click()
  await sees(2)
  await choice('Yes').click()
  await page.locator('#finished-panel').waitFor()
  assert.deepEqual(await stored(), answers('Yes'))
})

test('the picture grows where it is pressed, and shrinks again by Escape', async (t) => {
  const { frame, sees } = await visit(t)
  await sees(1)
  const zoom = frame.getByRole('button', { name: /Picture 1/ })
  await zoom.click({ position: { x: 20, y: 20 } })
  assert.equal(await zoom.getAttribute('aria-pressed'), 'true')
  const [picture, place] = await Promise.all([zoom.boundingBox(), frame.locator('.picture').boundingBox()])
  assert.ok(picture && place && picture.width > place.width * 2)
  await zoom.press('Escape')
  assert.equal(await zoom.getAttribute('aria-pressed'), 'false')
})

test('on a small telephone the picture and every choice are on the screen', async (t) => {
  const phone = { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true }
  const { stored, page, sees, choice } = await visit(t, { context: phone })
  await sees(1)
  for (const name of ['Yes', 'No', 'Maybe']) {
    const box = await choice(name).boundingBox()
    assert.ok(box && box.x >= 0 && box.x + box.width <= 360 && box.y > 200 && box.y + box.height <= 640, name)
    assert.ok(box.height >= 44, `${name} is large enough for a thumb`)
  }
  await choice('No').tap()
  await sees(2)
  await page.getByText('Saved', { exact: true }).waitFor()
  assert.deepEqual(await stored(), answers('No'))
})

test('the tutorial comes first, once, and can be read again', async (t) => {
  const presenter = { ...BIRDS, tutorial: 'Look at the picture.\nSay what you see.' }
  const { page, sees, choice, address } = await visit(t, { presenter })
  await page.getByText('Say what you see.').waitFor()
  assert.equal(await page.locator('#presenter-stage').isVisible(), false)
  const skip = page.locator('#skip-task')
  const skipStyle = () =>
    page.evaluate(
      "(({ cursor, opacity }) => [cursor, opacity])(getComputedStyle(document.getElementById('skip-task')))",
    )
  assert.equal(await skip.isDisabled(), true)
  assert.deepEqual(await skipStyle(), ['not-allowed', '0.55'])
  await page.locator('#start-tasks').click()
  await sees(1)
  assert.deepEqual(await skipStyle(), ['pointer', '1'])
  await page.keyboard.press('1')
  await sees(2)
  await page.locator('#show-help').click()
  await page.getByText('Say what you see.').waitFor()
  await page.locator('#show-help').click()
  await choice('Yes').click()
  await sees(3)
  await page.goto(address)
  await sees(3)
  assert.equal(await page.locator('#tutorial-panel').isVisible(), false)
})

test('who has answered everything is told so at the next visit as well', async (t) => {
  const { page, sees, choice, address } = await visit(t, { infos: [pictureTask(1)] })
  await sees(1)
  await choice('Yes').click()
  await page.locator('#finished-panel').waitFor()
  await page.goto(address)
  await page.locator('#finished-panel').waitFor()
  assert.match(await page.locator('#finished-text').innerText(), /You have answered every task/)
  assert.equal(await page.locator('#skip-task').isVisible(), false)
})

test('page and template have no accessibility faults, light and dark', async (t) => {
  for (const colorScheme of ['light', 'dark'] as const) {
    const { page, sees } = await visit(t, { context: { colorScheme } })
    await sees(1)
    const { violations } = await new AxeBuilder({ page }).analyze()
    assert.deepEqual(
      violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join()}`),
      [],
    )
  }
})

test("the script and style of the page's part and the template's are at most 60 kB, compressed", async (t) => {
  const { page, sees } = await visit(t)
  await sees(1)
  const sizes = new Map<string, Promise<number>>()
  page.on('response', (response) => {
    const { pathname } = new URL(response.url())
    const isOwn = /(contribute|presenter|tool)[\w-]*\.(js|css)$/.test(pathname)
    if (isOwn)
      sizes.set(
        pathname,
        response
          .request()
          .sizes()
          .then(({ responseBodySize }) => responseBodySize),
      )
  })
  await page.reload()
  await sees(1)
  const bytes = await Promise.all(sizes.values())
  assert.equal(bytes.length, 5)
  assert.ok(bytes.reduce((sum, size) => sum + size, 0) <= 60_000, bytes.join())
})

test('the second press of the same key does not answer the next task', async (t) => {
  const { stored, page, sees } = await visit(t, { infos: [1, 2].map(pictureTask) })
  await sees(1)
  for (let press = 0; press < 3; press += 1) await page.keyboard.press('1')
  await sees(2)
  await page.getByText('Saved', { exact: true }).waitFor()
  assert.deepEqual(await stored(), answers('Yes'))
})

test('the last answer can be taken back and given anew', async (t) => {
  const { stored, page, sees, choice } = await visit(t, { infos: [1, 2].map(pictureTask) })
  await sees(1)
  await choice('Yes').click()
  await sees(2)
  await page.getByRole('button', { name: 'Undo' }).click()
  await sees(1)
  assert.deepEqual(await stored(), [])
  await choice('No').click()
  await sees(2)
  await choice('Maybe').click()
  await page.locator('#finished-panel').waitFor()
  assert.deepEqual(await stored(), answers('No', 'Maybe'))
})

test('answering asks for the next task in the same round trip', async (t) => {
  const { page, sees, choice, hasFetched } = await visit(t, { infos: [1, 2, 3, 4].map(pictureTask) })
  await sees(1)
  await hasFetched(2)
  const asked: string[] = []
  page.on('request', (request) => asked.push(new URL(request.url()).pathname))
  await choice('Yes').click()
  await sees(2)
  await hasFetched(3)
  await choice('Yes').click()
  await sees(3)
  await hasFetched(4)
  assert.equal(asked.filter((path) => path === '/api/taskrun').length, 2)
  assert.deepEqual(
    asked.filter((path) => path.endsWith('/newtask')),
    [],
  )
})

test('who leaves gives the place back at once, and a quick person is told to wait', async (t) => {
  const { project, page, address, sees, hasFetched } = await visit(t)
  await sees(1)
  await hasFetched(2)
  const places = async () => {
    const [row] = await rowsOf<{ n: number }>(
      site,
      'select count(*)::int as n from lease where project_id = $1 and holds_place',
      [project.id],
    )
    return row?.n
  }
  assert.equal(await places(), 2)
  await page.goto('about:blank')
  await eventually(async () => (await places()) === 0)

  await page.route('**/api/**/newtask?*', (route) =>
    route.fulfill({ status: 429, headers: { 'retry-after': '1' }, json: {} }),
  )
  await page.goto(address)
  await page.getByText('You are quicker than the site allows').waitFor()
  await page.unroute('**/api/**/newtask?*')
  await sees(1)
})

test('an answer whose request the site has forgotten is stored by requesting its task anew', async (t) => {
  const { stored, project, page, sees, choice } = await visit(t, { infos: [1, 2].map(pictureTask) })
  await sees(1)
  await rowsOf(site, 'delete from lease where project_id = $1', [project.id])
  await rowsOf(site, 'update task_sched set n_taken = 0 where project_id = $1', [project.id])
  await choice('Yes').click()
  await page.getByText('Saved', { exact: true }).waitFor()
  assert.deepEqual(await stored(), answers('Yes'))
})
