import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Browser } from 'playwright-core'
import { startTestApp } from '../support/app.ts'
import type { TestApp } from '../support/app.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { startChromium } from '../support/chromium.ts'
import { ANSWERING, contributeByCode } from '../support/contribution.ts'

const ending = untilFileEnds()
let site: TestApp
let browser: Browser

before(async () => {
  ;[site, browser] = await Promise.all([startTestApp(ending), startChromium(ending)])
})

/** Somebody opens a project with three tasks and this presenter. */
const visit = (t: TestContext, script: string, markup?: string) =>
  contributeByCode(t, site, browser, script, markup)

test('a presenter written for PyBossa presents every task and saves what it is given', async (t) => {
  const { frame, page, stored } = await visit(t, `${ANSWERING} pybossa.run('a-copied-name')`)
  for (const n of [1, 2, 3]) {
    await frame.getByText(`Task ${n}`).waitFor()
    await frame.getByRole('button', { name: 'Yes' }).click()
  }
  await page.locator('#finished-panel').waitFor()
  assert.equal(await frame.locator('#shown').textContent(), 'The end')
  assert.deepEqual(await stored(), [{ yes: true }, { yes: true }, { yes: true }])
  assert.equal((await frame.locator('#log').innerText()).trim(), 'saved true\nsaved true\nsaved true')
})

test('the next task is loaded while one is on the screen, and what the hook resolves with is presented', async (t) => {
  const { frame } = await visit(
    t,
    `pybossa.taskLoaded(function (task, deferred) {
      log('load ' + (task.info ? task.info.n : 'nothing'))
      task.big = window
      deferred.resolve(task)
    })
    pybossa.presentTask(function (task, deferred) {
      log('present ' + task.info.n + ' ' + (task.big === window))
      if (task.info.n === 1) setTimeout(function () {
        pybossa.saveTask(task, 'ok').then(function () { log(task.answer); deferred.resolve() })
      }, 1500)
    })
    pybossa.run('birds')`,
  )
  await frame.getByText('present 2').waitFor()
  const log = await frame.locator('#log').innerText()
  assert.ok(log.indexOf('load 2') < log.indexOf('present 2'), log)
  assert.ok(log.indexOf('load 2') > log.indexOf('present 1') - 10, log)
  assert.match(log, /^load 1\npresent 1 true\n/)
  assert.match(log, /ok/)
})

test('everything else of the pybossa object answers as PyBossa does', async (t) => {
  const { frame, taskIds, project } = await visit(
    t,
    `pybossa.presentTask(function (task, deferred) {
      log('current ' + pybossa.getCurrentTaskId() + ' of ' + task.id)
      log('path ' + pybossa.getCurrentTaskId('http://x.example/project/birds/task/77?a=1'))
      log('none ' + pybossa.getCurrentTaskId('/project/birds/newtask'))
      log('endpoint ' + pybossa.setEndpoint('http://x.example/pybossa'))
      pybossa.userProgress('birds').done(function (progress) { log('progress ' + progress.done + '/' + progress.total) })
      pybossa.newTask('birds').done(function (next) { log('question ' + next.question + ' ' + next.task.id) })
      pybossa.saveTask(987654321, 'x').always(function () { log('always') }).fail(function (error) {
        log('failed ' + error.status + ' ' + typeof error.responseText)
      })
    })
    pybossa.run('birds')`,
  )
  await frame.getByText('failed 403 string').waitFor()
  await frame.getByText('question').waitFor()
  await frame.getByText('progress').waitFor()
  const log = await frame.locator('#log').innerText()
  const [first] = taskIds
  for (const line of [
    `current ${first} of ${first}`,
    'path 77',
    'none false',
    'endpoint http://x.example/pybossa/',
    'progress 0/3',
    `question ${project.description} ${first}`,
    'always',
  ]) {
    assert.ok(log.includes(line), `${line} in ${log}`)
  }
})

test('the skip button of the page works for presenters that know nothing of it', async (t) => {
  const { frame, page, stored } = await visit(t, `${ANSWERING} pybossa.run('birds')`)
  await frame.getByText('Task 1').waitFor()
  await page.locator('#skip-task').click()
  await frame.getByText('Task 2').waitFor()
  await frame.getByRole('button', { name: 'Yes' }).click()
  await frame.getByText('Task 3').waitFor()
  assert.deepEqual(await stored(), [{ yes: true }])
})

test('a presenter finds its reader’s language, its container and its room', async (t) => {
  const markup = '<div style="height: 2500px">Tall</div>'
  const { frame, page } = await visit(t, `log(document.querySelector('.container') !== null)`, markup)
  assert.equal(await frame.locator('#PYBOSSA_USER_LOCALE').textContent(), 'en')
  await page.locator('#presenter-stage[data-fit="content"]').waitFor()
  await page.waitForFunction('document.getElementById("presenter-frame").offsetHeight > 2500')
  assert.equal((await frame.locator('#log').innerText()).trim(), 'true')
})

test('content that is always a little taller than its window does not grow for ever', async (t) => {
  const { page } = await visit(t, '', '<div style="height: calc(100vh + 40px)">Tall</div>')
  await page.waitForTimeout(1_000)
  const { height = 0 } = (await page.locator('#presenter-frame').boundingBox()) ?? {}
  assert.ok(height < 3_000, String(height))
})

test('a link of a presenter into its project is followed, and one out of it is not', async (t) => {
  const { frame, page, project } = await visit(
    t,
    `${ANSWERING} pybossa.run('birds')`,
    '<a href="/account/profile">Out</a> <a href="../../birds/">Other</a> <a href="#shown">Here</a> <a href="../">Project</a>',
  )
  await frame.getByText('Task 1').waitFor()
  const before = page.url()
  for (const name of ['Out', 'Other', 'Here']) await frame.getByRole('link', { name }).click()
  await page.waitForTimeout(300)
  assert.equal(page.url(), before)
  await frame.getByRole('link', { name: 'Project' }).click()
  await page.waitForURL(`**/project/${project.shortName}/`)
})

test('a presenter that fails is told to the person, and the page stays', async (t) => {
  const { page } = await visit(
    t,
    `pybossa.presentTask(function () { throw new Error('broken') }); pybossa.run('birds')`,
  )
  await page.getByText('No task could be loaded').waitFor()
})
