import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { by } from '../support/api.ts'
import { startTestApp } from '../support/app.ts'
import type { TestApp } from '../support/app.ts'
import { rowsOf } from '../support/builders.ts'
import { startChromium } from '../support/chromium.ts'
import { ANSWERING, contributeByCode, logged } from '../support/contribution.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { waitForReplica } from '../support/servers.ts'

/** What presenters written for PyBossa rely on, one test a statement; the numbers are those of our checklist. */
const ending = untilFileEnds()
let site: TestApp
let browser: Browser

before(async () => {
  ;[site, browser] = await Promise.all([startTestApp(ending), startChromium(ending)])
})

test('70. jQuery 2, Bootstrap’s plug-ins and PyBossa’s own objects are there at the first script', async (t) => {
  const script = `
    log('jquery ' + /^2\\./.test($.fn.jquery) + ' ' + (jQuery === $))
    log(['tooltip', 'modal', 'popover', 'collapse'].map(function (name) { return typeof $.fn[name] }).join(' '))
    log([pybossa, pybossaNotify, PybossaPlayer, Modernizr, Modernizr.load].map(function (own) { return typeof own }).join(' '))
    log('styled ' + getComputedStyle(document.querySelector('.col-md-6')).boxSizing + ' ' +
      getComputedStyle(document.querySelector('.fa'), '::before').fontFamily)
    log('old ' + getComputedStyle(document.querySelector('.icon-ok'), '::before').fontFamily + ' ' +
      getComputedStyle(document.querySelector('.span6')).cssFloat)`
  const markup = `<div class="col-md-6"><i class="fa fa-check"></i></div>
    <div class="row-fluid"><div class="span6"><i class="icon-ok"></i></div></div>`
  assert.deepEqual(await logged(await contributeByCode(t, site, browser, script, markup), 'old'), [
    'jquery true true',
    'function function function function',
    'object function function object function',
    'styled border-box FontAwesome',
    'old FontAwesome left',
  ])
})

test('71. A presenter finds its reader’s language in the page', async (t) => {
  const script = `document.addEventListener('DOMContentLoaded', function () {
    log('language ' + document.getElementById('PYBOSSA_USER_LOCALE').textContent.trim())
  })`
  const visit = await contributeByCode(t, site, browser, script)
  assert.deepEqual(await logged(visit, 'language'), ['language en'])
  const reader = await site.user()
  await rowsOf(site, "update user_account set locale = 'de' where id = $1", [reader.id])
  const later = `${script}; pybossa.newTask('birds').done(function () {
    log('later ' + document.getElementById('PYBOSSA_USER_LOCALE').textContent.trim())
  })`
  const read = await contributeByCode(t, site, browser, later, '', { by: reader })
  assert.deepEqual(await logged(read, 'later'), ['language de', 'later de'])
})

test('72. PyBossa’s own scripts have their addresses, on the site and on presenter hosts', async () => {
  const { host, port } = new URL(site.url)
  for (const name of ['pybossa/pybossa.js', 'pybossa-player/dist/pybossa-player.min.js'])
    for (const at of [host, `p1.presenter.localhost:${port}`])
      await site.http
        .get(`/static/js/${name}`)
        .set('Host', at)
        .expect(200)
        .expect('Content-Type', /^text\/javascript/)
        .expect('Access-Control-Allow-Origin', '*')
})

test('73. The first visit shows the tutorial and notes that it was seen, the second one the presenter', async (t) => {
  const tutorial = '<p>Look at the beak.</p><a href="../SHORT/newtask">Start now</a>'
  const script = `log('cookie ' + /birds-\\w+tutorial=seen/.test(document.cookie)); ${ANSWERING} pybossa.run('birds')`
  const visit = await contributeByCode(t, site, browser, script, '', { tutorial })
  const { frame, page, context, address, project } = visit
  await frame.getByText('Look at the beak.').waitFor()
  assert.equal(await page.locator('#contribute').count(), 0)
  const seen = (await context.cookies()).find(({ name }) => name === `${project.shortName}tutorial`)
  assert.deepEqual([seen?.value, seen?.httpOnly], ['seen', false])
  await page.goto(address)
  await frame.getByText('Task 1').waitFor()
  assert.deepEqual(await logged(visit, 'cookie'), ['cookie true'])
})

test('73. The start link of a tutorial leads to the tasks, and the tutorial can be read again', async (t) => {
  const tutorial = `<a id="start">Start now</a><script>
    $('#start').attr('href', '../' + /(birds-\\w+)tutorial/.exec(document.cookie)[1] + '/newtask')
  </script>`
  const visit = await contributeByCode(t, site, browser, `${ANSWERING} pybossa.run('birds')`, '', {
    tutorial,
  })
  await visit.frame.getByRole('link', { name: 'Start now' }).click()
  await visit.frame.getByText('Task 1').waitFor()
  await visit.page.getByRole('link', { name: 'How it works' }).click()
  await visit.page.waitForURL('**/tutorial')
  await visit.frame.getByRole('link', { name: 'Start now' }).click()
  await visit.frame.getByText('Task 1').waitFor()
})

test('74. Tutorial and results have jQuery and Bootstrap before the owner’s HTML; results show once there are some', async (t) => {
  const html = `<div id="intro" class="modal fade"><div class="modal-dialog">Welcome</div></div>
    <p id="count"></p><script>
      $('#intro').modal('show')
      $.getJSON('/api/result?project_id=ID', function (results) { $('#count').text(results.length + ' results') })
    </script>`
  const visit = await contributeByCode(t, site, browser, `${ANSWERING} pybossa.run('birds')`, '', {
    tutorial: html,
  })
  const { frame, page, project, owner } = visit
  await frame.getByText('Welcome').waitFor()

  const info = { results: html.replace('ID', String(project.id)) }
  await by(owner, site.http.put(`/api/project/${project.id}`))
    .send({ info })
    .expect(200)
  await waitForReplica()
  const results = `${site.url}/project/${project.shortName}/results`
  // The short form of the info took the presenter out of it, which stays as it is.
  await page.goto(results)
  await page.getByText('There are no results to show yet.').waitFor()
  await page.goto(visit.address)
  await frame.getByRole('button', { name: 'Yes' }).click()
  await page.getByText('1 answer from you').waitFor()
  await waitForReplica()
  await page.goto(results)
  await frame.getByText('Welcome').waitFor()
  await frame.getByText('1 results').waitFor()
})

test('76. Cookies, storage, history and alerts do not throw in the frame', async (t) => {
  const script = `
    document.cookie = 'own=1'
    log('cookie ' + typeof document.cookie)
    localStorage.setItem('n', 1)
    sessionStorage.n = 1
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
