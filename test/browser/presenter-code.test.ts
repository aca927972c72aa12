import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { TestContext } from 'node:test'
import { AxeBuilder } from '@axe-core/playwright'
import type { Browser } from 'playwright-core'
import { startTestApp } from '../support/app.ts'
import type { TestApp } from '../support/app.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { startChromium } from '../support/chromium.ts'
import { ANSWERING, contributeByCode, logged } from '../support/contribution.ts'
import type { ContributionOptions } from '../support/contribution.ts'

const ending = untilFileEnds()
let site: TestApp
let browser: Browser

before(async () => {
  ;[site, browser] = await Promise.all([startTestApp(ending), startChromium(ending)])
})

/** Somebody opens a project with three tasks and this presenter. */
const visit = (t: TestContext, script: string, markup?: string, options?: ContributionOptions) =>
  contributeByCode(t, site, browser, script, markup, options)

/** Addresses as owners paste them. */
const PLAYERS = {
  youtube: 'https://www.youtube.com/watch?v=dQw4w9WgXcQ',
  vimeo: 'https://player.vimeo.com/video/76979871',
  soundcloud: 'https://soundcloud.com/somebody/something',
}

/** Stand-ins for the players' own scripts: the part of each that is called, with media of a minute. */
const VENDORS = {
  'https://www.youtube.com/iframe_api': `window.YT = {
    ready: function (listener) { listener() },
    Player: function (element, options) {
      setTimeout(options.events.onReady, 1)
      this.playVideo = function () { options.events.onStateChange({ data: 1 }) }
      this.pauseVideo = function () { options.events.onStateChange({ data: 2 }) }
      this.getDuration = function () { return 60 }
      this.getCurrentTime = function () { return 7 }
      this.seekTo = this.setVolume = this.mute = this.unMute = function () {}
    } }`,
  'https://player.vimeo.com/api/player.js': `window.Vimeo = { Player: function () {
    var on = {}
    this.on = function (name, listener) { on[name] = listener }
    this.ready = function () { return Promise.resolve() }
    this.getDuration = function () { return Promise.resolve(60) }
    this.play = function () { on.play(); on.timeupdate({ seconds: 7, duration: 60 }); return Promise.resolve() }
    this.pause = function () { on.pause(); return Promise.resolve() }
    this.setVolume = this.setMuted = this.setCurrentTime = function (value) { return Promise.resolve(value) }
  } }`,
  'https://w.soundcloud.com/player/api.js': `window.SC = { Widget: function () {
    var on = {}
    setTimeout(function () { on.ready() }, 1)
    return {
      bind: function (name, listener) { on[name] = listener },
      getDuration: function (told) { told(60000) },
      play: function () { on.play(); on.playProgress({ currentPosition: 7000 }) },
      pause: function () { on.pause() },
      seekTo: function () {}, setVolume: function () {}
    }
  } }`,
}

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
  await page.waitForFunction('() => document.getElementById("presenter-frame").offsetHeight > 2500')
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

test('a presenter that fails is told to the person, who can skip the task', async (t) => {
  const { page, taskIds } = await visit(
    t,
    `pybossa.presentTask(function () { throw new Error('broken') }); pybossa.run('birds')`,
  )
  await page.getByText('Something in this task does not work').waitFor()
  await page.locator('#skip-task').click()
  await page.waitForURL(`**/task/${taskIds[1]}`)
})

test('a presenter may fail while it loads, give something else than its task, and know no end', async (t) => {
  const { page, stored } = await visit(
    t,
    `pybossa.taskLoaded(function (task, deferred) {
      setTimeout(function () { deferred.resolve({ number: task.info.n, task: task }) })
      if (task.info.n) throw new Error('too early')
    })
    pybossa.presentTask(function (given, deferred) {
      pybossa.saveTask(given.task.id, given.number).done(deferred.resolve)
    })
    pybossa.run('birds')`,
  )
  await page.locator('#finished-panel').waitFor()
  assert.deepEqual((await stored()).sort(), [1, 2, 3])
})

test('a task that a presenter never finishes loading can be skipped', async (t) => {
  const { page, frame } = await visit(
    t,
    `pybossa.taskLoaded(function (task, deferred) {
      if (task.info && task.info.n === 1) log('waiting')
      else deferred.resolve(task)
    })
    ${ANSWERING} pybossa.run('birds')`,
    '',
    { prepare: (context) => context.clock.install() },
  )
  await frame.getByText('waiting').waitFor()
  await page.clock.fastForward(20_000)
  const notice = page.getByText('This task takes long to load')
  await notice.waitFor()
  await page.locator('#skip-task').click()
  await frame.getByText('Task 2').waitFor()
  await notice.waitFor({ state: 'detached' })
})

test('fields tell by attr what was typed and checked, as with jQuery 1', async (t) => {
  const opened = await visit(
    t,
    `$('#read').on('click', function () {
      $('#ticked').attr('checked', true)
      var read = function (id, name) { return String($(id).attr(name)) }
      log([read('#typed', 'value'), read('#given', 'value'), read('#note', 'value'), read('#read', 'value')].join())
      log([read('#box', 'checked'), read('#set', 'checked'), read('#ticked', 'checked')].join())
      log(String($('#ticked').prop('checked')) + $('#box').attr('checked', false).prop('checked') + read('#log', 'value'))
    })`,
    `<input id="typed"><input id="given" value="given"><textarea id="note"></textarea><button id="read">Read</button>
    <input id="box" type="checkbox"><input id="set" type="checkbox" checked><input id="ticked" type="checkbox">`,
  )
  const { frame } = opened
  for (const id of ['typed', 'given', 'note']) await frame.locator(`#${id}`).fill('new')
  for (const id of ['box', 'set', 'ticked']) await frame.locator(`#${id}`).click()
  await frame.locator('#ticked').click()
  await frame.getByRole('button').click()
  assert.deepEqual(await logged(opened, 'true'), [
    'new,given,new,',
    'checked,undefined,checked',
    'truefalseundefined',
  ])
})

test('a presenter whose script is broken is told to the person, and can be loaded again', async (t) => {
  const { page } = await visit(t, 'this is no script', '<p>Look</p>')
  await page.getByText('The task does not begin.').waitFor()
  await page.getByRole('button', { name: 'Load the task again' }).waitFor()
})

test('the page around a presenter, its tutorial and its results have nothing that keeps people out', async (t) => {
  const tutorial = '<h1>Look closely</h1>'
  const { page, frame, address, project } = await contributeByCode(
    t,
    site,
    browser,
    `${ANSWERING} pybossa.run('birds')`,
    '<h1>Birds</h1>',
    { tutorial },
  )
  const check = async () => {
    const found = await new AxeBuilder({ page }).exclude('#presenter-frame').analyze()
    assert.deepEqual(
      found.violations.map(({ id, nodes }) => `${id} ${nodes.map(({ html }) => html).join()}`),
      [],
    )
  }
  await frame.getByText('Look closely').waitFor()
  await check()
  await page.goto(address)
  await frame.getByText('Task 1').waitFor()
  await check()
  await frame.getByRole('button', { name: 'Yes' }).click()
  await page.getByText('1 answer from you').waitFor()
  await check()
  await page.goto(`${site.url}/project/${project.shortName}/results`)
  await check()
})

test('a player of YouTube, Vimeo or SoundCloud is told and tells by that site’s own script', async (t) => {
  const script = `
    var players = ${JSON.stringify(PLAYERS)}
    $('#begin').click(function () {
      Object.keys(players).forEach(function (name) {
        $('<div>', { id: name }).appendTo('body')
        var player = PybossaPlayer(players[name], name)
        player.onReady(function () { player.setVolume(0.5); player.mute(); player.setCurrentTime(7); player.play() })
        player.onPlay(function () { log(name + ' plays ' + player.duration() + ' ' + player.volume() + ' ' + player.muted() + ' ' + player.paused()); player.pause() })
        player.onPause(function () { log(name + ' paused ' + player.paused()); player.destroy() })
      })
    })`
  const { page, frame } = await visit(t, script, '<button id="begin">Begin</button>')
  for (const [address, body] of Object.entries(VENDORS))
    await page.route(address, (route) => route.fulfill({ body, contentType: 'text/javascript' }))
  await frame.getByRole('button', { name: 'Begin' }).click()
  for (const name of Object.keys(PLAYERS)) {
    await frame.getByText(`${name} plays 60 0.5 true false`).waitFor()
    await frame.getByText(`${name} paused true`).waitFor()
    assert.equal(await frame.locator(`#${name} iframe`).count(), 0)
  }
})

test('pybossaNotify shows its notice at the top, also with two arguments, and hides it', async (t) => {
  const script = `
    var box = function () { return document.getElementById('pybossa-notification') }
    pybossaNotify('<b>Saved</b>', true, 'success')
    log(box().className + ' ' + box().innerHTML + ' ' + (document.body.firstElementChild === box()))
    pybossaNotify('Careful', 'error')
    log(box().className + ' ' + box().textContent + ' ' + $('[id=pybossa-notification]').length)
    pybossaNotify('', false)
    log('hidden ' + $(box()).is(':hidden'))`
  assert.deepEqual(await logged(await visit(t, script), 'hidden'), [
    'alert alert-success <b>Saved</b> true',
    'alert alert-danger Careful 1',
    'hidden true',
  ])
})

test('Modernizr knows the browser, and loads by what a test says', async (t) => {
  const files = ['one', 'two'].map((name) => `data:text/javascript,log('${name}')`)
  const script = `
    log('flags ' + [Modernizr.canvas, Modernizr.svg, Modernizr.input.required, Modernizr.mq('all')].join())
    Modernizr.load([
      { test: Modernizr.canvas, yep: ${JSON.stringify(files[0])}, nope: 'missing.js', callback: function (url, result, key) { log('called ' + result + ' ' + key) } },
      { both: [${JSON.stringify(files[1])}], complete: function () { log('complete') } }
    ])`
  assert.deepEqual(await logged(await visit(t, script), 'complete'), [
    'flags true,true,true,true',
    'one',
    'called true 0',
    'two',
    'complete',
  ])
})
