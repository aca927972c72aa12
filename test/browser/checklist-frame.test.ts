import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { startTestApp } from '../support/app.ts'
import type { TestApp } from '../support/app.ts'
import { startChromium } from '../support/chromium.ts'
import { ANSWERING, contributeByCode, logged } from '../support/contribution.ts'
import { untilFileEnds } from '../support/file-ending.ts'

/** What presenters written for PyBossa rely on, one test a statement; the numbers are those of our checklist. */
const ending = untilFileEnds()
let site: TestApp
let browser: Browser

before(async () => {
  ;[site, browser] = await Promise.all([startTestApp(ending), startChromium(ending)])
})

test('71. A presenter finds its reader’s language in the page', async (t) => {
  const script = `document.addEventListener('DOMContentLoaded', function () {
    log('language ' + document.getElementById('PYBOSSA_USER_LOCALE').textContent.trim())
  })`
  const visit = await contributeByCode(t, site, browser, script)
  assert.deepEqual(await logged(visit, 'language'), ['language en'])
})

test('76. Cookies, history and alerts do not throw in the frame', async (t) => {
  // Storage is left out: a browser that blocks it for frames of other sites throws.
  const script = `
    document.cookie = 'own=1'
    log('cookie ' + typeof document.cookie)
    history.pushState({}, '', '/project/birds/task/1')
    alert('Hello')
    log('the end')`
  const visit = await contributeByCode(t, site, browser, script)
  assert.deepEqual(await logged(visit, 'the end'), ['cookie string', 'the end'])
})

test('77. A presenter reaches neither session, account, other projects nor the page around it', async (t) => {
  const script = `
    var attempt = function (name, read) {
      try { log(name + ' ' + read()) } catch (error) { log(name + ' ' + error.name) }
    }
    attempt('session', function () { return /session|device/.test(document.cookie) })
    attempt('page', function () { return parent.document.title })
    fetch('${site.url}/account/profile', { credentials: 'include' }).then(
      function () { log('account read') }, function (error) { log('account ' + error.name) })
    pybossa.saveTask(987654321, 'forged').fail(function (error) { log('foreign task ' + error.status) })`
  const visit = await contributeByCode(t, site, browser, script)
  await visit.frame.getByText('account ').waitFor()
  assert.deepEqual((await logged(visit, 'foreign task')).sort(), [
    'account TypeError',
    'foreign task 403',
    'page SecurityError',
    'session false',
  ])
  assert.deepEqual(await visit.stored(), [])
})

test('78. An id of digits is saved, and a save that fails rejects with its status', async (t) => {
  const script = `pybossa.presentTask(function (task, deferred) {
    pybossa.saveTask(String(task.id), 'Yes').done(function (run) {
      log('saved ' + (run.task_id === task.id))
      pybossa.saveTask('987654321', 'x').fail(function (error) { log('failed ' + error.status) })
    })
  })
  pybossa.run('birds')`
  const visit = await contributeByCode(t, site, browser, script)
  assert.deepEqual(await logged(visit, 'failed'), ['saved true', 'failed 403'])
})

test('79. At the end the presenter is given an empty task, and the page says that there are no more', async (t) => {
  const script = `pybossa.presentTask(function (task, deferred) {
    log(task.id ? 'task' : 'end ' + JSON.stringify(task))
    if (task.id) pybossa.saveTask(task.id, 'Yes').done(deferred.resolve)
  })
  pybossa.run('birds')`
  const visit = await contributeByCode(t, site, browser, script)
  await visit.page.locator('#finished-panel').waitFor()
  assert.deepEqual(await logged(visit, 'end'), ['task', 'task', 'task', 'end {}'])
})

test('80. The address follows the tasks, and a reload opens the same one', async (t) => {
  const { page, frame, taskIds } = await contributeByCode(
    t,
    site,
    browser,
    `${ANSWERING} pybossa.run('birds')`,
  )
  await frame.getByText('Task 1').waitFor()
  await page.waitForURL(`**/task/${taskIds[0]}`)
  await frame.getByRole('button', { name: 'Yes' }).click()
  await frame.getByText('Task 2').waitFor()
  await page.waitForURL(`**/task/${taskIds[1]}`)
  await page.reload()
  await frame.getByText('Task 2').waitFor()
  assert.ok(page.url().endsWith(`/task/${taskIds[1]}`))
})
