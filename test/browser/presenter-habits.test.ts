import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { before, describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Browser } from 'playwright-core'
import { listOf } from '../support/api.ts'
import { startTestApp } from '../support/app.ts'
import type { TestApp, TestUser } from '../support/app.ts'
import { startChromium } from '../support/chromium.ts'
import { ANSWERING, contributeByCode, logged } from '../support/contribution.ts'
import type { Contribution, ContributionOptions } from '../support/contribution.ts'
import { untilFileEnds } from '../support/file-ending.ts'

/** What presenters written for PyBossa do and a frame would break, a test for each, in both forms of the frame. */
const FORMS = {
  'on a host of its own': {},
  'in an opaque sandbox': { PRESENTER_ORIGIN: 'http://presenters.example.test' },
}

/** Lines of a presenter: each is what a piece of script gives, or the name of its error. */
const ATTEMPT = `
  var attempt = function (name, read) {
    try { log(name + ' ' + read()) } catch (error) { log(name + ' ' + error.name) }
  }`

for (const [form, settings] of Object.entries(FORMS)) {
  describe(`a presenter ${form}`, () => {
    const isOpaque = 'PRESENTER_ORIGIN' in settings
    const ending = untilFileEnds()
    let site: TestApp
    let browser: Browser
    let person: TestUser

    before(async () => {
      ;[site, browser] = await Promise.all([
        startTestApp(ending, settings),
        // Playwright loses opaque frames that go from document to document in a process of their own.
        startChromium(ending, '--disable-features=IsolateSandboxedIframes'),
      ])
      person = await site.user()
    })

    /** A person with an account opens a project with this presenter. */
    const visit = (t: TestContext, script: string, markup?: string, options?: ContributionOptions) =>
      contributeByCode(t, site, browser, `${ATTEMPT}\n${script}`, markup, { by: person, ...options })

    /** Whose the task runs of a project are. */
    async function contributors({ project, stored }: Contribution): Promise<unknown[]> {
      await stored()
      const runs = await listOf(site.http.get('/api/taskrun').query({ project_id: project.id }))
      return runs.map((run) => run['user_id'])
    }

    test('may write the history, and the page around it shows the address', async (t) => {
      const script = `
        history.pushState({ n: 1 }, '', '/project/birds/task/1')
        history.replaceState(null, '', '#n')
        log('state ' + history.state)
        ${ANSWERING} pybossa.run('birds')`
      const { frame, page, taskIds } = await visit(t, script)
      await frame.getByText('Task 1').waitFor()
      await page.waitForURL(`**/task/${taskIds[0]}`)
      await frame.getByText('state null').waitFor()
    })

    test('is told the task that the address names, and names others from there', async (t) => {
      const fromHere = `
        pybossa.taskLoaded(function (task, deferred) {
          $.getJSON('../../../api/task/' + task.id).done(function (same) {
            var picture = new Image()
            picture.onload = function () { deferred.resolve(same) }
            picture.src = '../../../media/demo/hubble-001.jpg'
          })
        })`
      const opened = await visit(t, `${fromHere} ${ANSWERING} pybossa.run('birds')`)
      const { page, frame, project, taskIds } = opened
      await page.goto(`${site.url}/project/${project.shortName}/task/${taskIds[1]}`)
      await frame.getByText('Task 2').waitFor()

      const script = `
        log('none ' + pybossa.getCurrentTaskId('/project/birds/newtask'))
        ${ANSWERING} pybossa.run('birds', { location: { pathname: '/project/birds/task/${taskIds[2]}' } })`
      const other = await visit(t, script)
      assert.deepEqual(await logged(other, 'none'), ['none false'])
      await other.frame.getByText('Task 1').waitFor()
    })

    test('asks the API by jQuery, fetch or XMLHttpRequest as the visitor', async (t) => {
      const script = `
        pybossa.presentTask(function (task, deferred) {
          if (task.info.n > 1) return
          var id = task.project_id
          pybossa.saveTask(task, 'one').done(function () {
            $.getJSON('/api/project/' + id + '/userprogress').done(function (own) { log('jquery ' + own.done) })
            $.ajax({ url: '${site.url}/api/app/' + id + '/userprogress', dataType: 'json' })
              .done(function (own, text, xhr) { log('absolute ' + own.done + ' ' + xhr.status) })
            fetch('/api/project/' + id + '/userprogress').then(function (answer) { return answer.json() })
              .then(function (own) { log('fetch ' + own.done) })
            var request = new XMLHttpRequest()
            request.responseType = 'json'
            request.onload = function () { log('request ' + request.response.done) }
            request.open('GET', '/api/project/' + id + '/userprogress')
            request.send()
            $.getJSON('/api/task', { app_id: id }, function (tasks) { log('tasks ' + tasks.length + ' ' + (tasks[0].app_id === id)) })
            $.getJSON('/api/helpingmaterial?project_id=' + id, function (list) { log('materials ' + list.length) })
            $.getJSON('/api/result', { project_id: id }, function (list) { log('results ' + list.length) })
            $.getJSON('/api/user', function (users) { log('users ' + (users.length >= 0)) })
            $.getJSON('/api/task/987654321').fail(function (xhr) { log('missing ' + xhr.status) })
            $.ajax({ url: '/api/taskrun', method: 'POST', contentType: 'application/json',
              data: JSON.stringify({ project_id: id, task_id: task.id, info: 'again' })
            }).fail(function (xhr) { log('again ' + xhr.status) })
          })
        })
        pybossa.run('birds')`
      const opened = await visit(t, script)
      for (const line of [
        ...['jquery 1', 'absolute 1 200', 'fetch 1', 'request 1', 'tasks 3 true', 'materials 0', 'results 1'],
        ...['users true', 'missing 404', 'again 403'],
      ])
        await opened.frame.locator('#log').filter({ hasText: line }).waitFor()
      assert.deepEqual(await contributors(opened), [person.id])
    })

    test('runs a loop of its own over the API', async (t) => {
      const script = `
        var show = function (offset) {
          return $.ajax({ url: '/api/project', data: 'all=1&short_name=' + name, dataType: 'json' }).then(function (found) {
            return $.ajax({ url: '/api/app/' + found[0].id + '/newtask?offset=' + offset, cache: false, dataType: 'json' })
          }).done(function (task) {
            if ($.isEmptyObject(task)) return log('end')
            history.pushState({}, '', '/project/' + name + '/task/' + task.id)
            $.ajax({ type: 'POST', url: '/api/taskrun', dataType: 'json', contentType: 'application/json',
              data: JSON.stringify({ app_id: task.app_id, task_id: task.id, info: 'n' + task.info.n }) })
              .done(function (run) { log('saved ' + run.info); show(0) })
          })
        }
        var name = /(birds-\\w+)tutorial=seen/.exec(document.cookie)[1]
        show(0)`
      const opened = await visit(t, script)
      assert.deepEqual(await logged(opened, 'end'), ['saved n1', 'saved n2', 'saved n3', 'end'])
      assert.deepEqual(await contributors(opened), [person.id, person.id, person.id])
    })

    test('reads and writes cookies, among them that of the tutorial, and storage', async (t) => {
      const script = `
        log('tutorial ' + /\\btutorial=seen|birds-\\w+tutorial=seen/.test(document.cookie))
        document.cookie = 'own=a=1; path=/; max-age=100'
        document.cookie = 'gone=1'
        document.cookie = 'gone=; expires=Thu, 01 Jan 1970 00:00:00 GMT'
        log('own ' + /own=a=1/.test(document.cookie) + ' gone ' + /gone/.test(document.cookie))
        for (var name of ['localStorage', 'sessionStorage']) {
          var store = window[name]
          store.setItem('n', 5)
          store.second = 'two'
          log([store.getItem('n'), store.n, store.second, store.length, store.key(0) !== null, store.getItem('x'), 'n' in store, Object.keys(store).sort()].join(' '))
          store.removeItem('n')
          delete store.second
          store.clear()
          log('left ' + store.length)
        }
        log('the end')`
      const opened = await visit(t, script)
      const store = '5 5 two 2 true  true n,second'
      assert.deepEqual(await logged(opened, 'the end'), [
        'tutorial true',
        'own true gone false',
        store,
        'left 0',
        store,
        'left 0',
        'the end',
      ])
    })

    test('asks with alert, confirm and prompt', async (t) => {
      const script = `document.querySelector('button').onclick = function () {
        alert('Look')
        log('said ' + confirm('Sure?') + ' ' + prompt('Which?'))
      }`
      const opened = await visit(t, script, '<button>Ask</button>')
      const asked: string[] = []
      opened.page.on('dialog', (dialog) => {
        asked.push(dialog.type())
        void dialog.accept(dialog.type() === 'prompt' ? 'crow' : undefined)
      })
      await opened.frame.getByRole('button', { name: 'Ask' }).click()
      assert.deepEqual(await logged(opened, 'said'), ['said true crow'])
      assert.deepEqual(asked, ['alert', 'confirm', 'prompt'])
    })

    test('hears the submit of a form by its button and by the Enter key', async (t) => {
      const markup = '<form id="search"><input name="title" aria-label="Title"><button>Search</button></form>'
      const script = `$('#search').submit(function (event) {
        event.preventDefault()
        log('searched ' + $(this).serialize())
      })`
      const opened = await visit(t, script, markup)
      await opened.frame.getByLabel('Title').fill('crow')
      await opened.frame.getByLabel('Title').press('Enter')
      await opened.frame.getByRole('button', { name: 'Search' }).click()
      await opened.frame.getByText('searched title=crow\nsearched title=crow').waitFor()
    })

    test('opens pages elsewhere beside it, and stays', async (t) => {
      const markup = `<a href="${site.url}/about" target="_blank">Source</a> <a href="https://elsewhere.example/photo">Photo</a>`
      const opened = await visit(t, `${ANSWERING} pybossa.run('birds')`, markup)
      await opened.frame.getByText('Task 1').waitFor()
      await opened.context.route('https://elsewhere.example/**', (route) => route.fulfill({ body: 'Photo' }))
      for (const [name, address] of [
        ['Source', `${site.url}/about`],
        ['Photo', 'https://elsewhere.example/photo'],
      ] as const) {
        const [popup] = await Promise.all([
          opened.context.waitForEvent('page'),
          opened.frame.getByRole('link', { name }).click(),
        ])
        await popup.waitForURL(address)
        assert.equal(await popup.evaluate('window.opener'), null)
        await popup.close()
      }
      await opened.frame.getByText('Task 1').waitFor()
    })

    /** A presenter that goes on by its address shows five tasks one after the other, each once, and stores all. */
    async function finishesFive(t: TestContext, script: string): Promise<void> {
      const infos = [1, 2, 3, 4, 5].map((n) => ({ n }))
      const { frame, page, stored } = await visit(t, script, '', { infos })
      for (const { n } of infos) {
        await frame.getByText(`Task ${n}`).waitFor()
        await frame.getByRole('button', { name: 'Next' }).click()
      }
      await page.locator('#finished-panel').waitFor()
      assert.equal((await stored()).length, 5)
    }

    test('goes to the next task by leaving its page, as often as there are tasks', async (t) => {
      const script = `
        pybossa.presentTask(function (task, deferred) {
          $('#shown').html(task.id ? 'Task ' + task.info.n + ' <button>Next</button>' : 'The end')
          $('button').click(function () {
            pybossa.saveTask(task.id, 'left').done(function () { window.location.pathname = '/app/birds/newtask' })
          })
        })
        pybossa.run('birds')`
      await finishesFive(t, script)
    })

    test('reads from its address which task it shows, and goes on by another one', async (t) => {
      const script = `
      var place = location.pathname.split('/')
      if (place.indexOf('task') !== -1) {
        $.ajax({ url: '/api/task/' + place[place.indexOf('task') + 1], dataType: 'json' }).done(function (task) {
          $('#shown').html('Task ' + task.info.n + ' <button>Next</button>')
          $('button').click(function () {
            pybossa.saveTask(String(task.id), 'by address').done(function () {
              window.location.pathname = '/app/birds/newtask'
            })
          })
        })
      } else {
        pybossa.newTask('birds').done(function (data) {
          if ($.isEmptyObject(data.task)) $('#shown').text('The end')
          else window.location.pathname = '/app/birds/task/' + data.task.id
        })
      }`
      await finishesFive(t, script)
    })

    test('saves the address it runs at, and no ticket with it', async (t) => {
      const { frame, page, project, stored } = await visit(
        t,
        `pybossa.presentTask(function (task) {
          $('#shown').html('<button>Yes</button>')
          $('button').click(function () { pybossa.saveTask(task.id, [location.pathname + location.search, { context: encodeURIComponent(document.URL) }]).done(function () { log('saved') }) })
        })
        pybossa.run('birds')`,
      )
      await frame.getByRole('button', { name: 'Yes' }).click()
      await frame.getByText('saved').waitFor()
      const path = `/project/${project.shortName}/newtask`
      const [[where, { context }]] = (await stored()) as [[string, { context: string }]]
      assert.equal(where, isOpaque ? `/presenter-frame${path}` : path)
      const { pathname, searchParams } = new URL(decodeURIComponent(context))
      assert.equal(pathname, where)
      assert.equal(searchParams.get('ticket') ?? '', '')
      assert.equal(new URL(page.url()).search, '')
    })

    test('that loads its page again shows the same task', async (t) => {
      const { frame } = await visit(
        t,
        `${ANSWERING} pybossa.run('birds')`,
        '<a href="#" onclick="location.reload()">Reload</a>',
      )
      await frame.getByText('Task 1').waitFor()
      await frame.getByRole('button', { name: 'Yes' }).click()
      await frame.getByText('Task 2').waitFor()
      await frame.locator('#shown').evaluate('document.body.dataset.old = "yes"')
      await frame.getByRole('link', { name: 'Reload' }).click()
      await frame.locator('body:not([data-old])').getByText('Task 2').waitFor()
    })

    test('shows players of other sites, with their own origin where it has a host of its own', async (t) => {
      const script = `
        addEventListener('message', function (event) { if (event.data.player) log('player ' + event.data.player) })
        $('button').click(function () { $('#shown').append('<iframe src="http://player.localhost/embed"></iframe>') })`
      const opened = await visit(t, script, '<button>Play</button>')
      await opened.context.route('http://player.localhost/embed', (route) =>
        route.fulfill({
          contentType: 'text/html',
          body: `<script>
            parent.postMessage({ player: origin }, '*')
          </script>`,
        }),
      )
      await opened.frame.getByRole('button', { name: 'Play' }).click()
      assert.deepEqual(await logged(opened, 'player'), [
        isOpaque ? 'player null' : 'player http://player.localhost',
      ])
    })

    test('goes on when a script of a host that is gone cannot be loaded', async (t) => {
      const markup = '<script src="http://gone.localhost:1/OpenLayers.js"></script>'
      const { frame } = await visit(t, `${ANSWERING} pybossa.run('birds')`, markup)
      await frame.getByText('Task 1').waitFor()
    })

    test('reads pictures and files that their host opens, those of the site without a host', async (t) => {
      const script = `
        var image = new Image()
        image.crossOrigin = 'anonymous'
        image.onload = function () {
          var canvas = document.createElement('canvas')
          canvas.width = canvas.height = 1
          canvas.getContext('2d').drawImage(image, 0, 0)
          log('drawn ' + canvas.toDataURL().slice(0, 10))
          var request = new XMLHttpRequest()
          request.open('GET', '/media/demo/hubble-002.jpg')
          request.responseType = 'arraybuffer'
          request.onload = function () { log('bytes ' + (request.response.byteLength > 1000)) }
          request.send()
        }
        image.src = '/media/demo/hubble-001.jpg'`
      const opened = await visit(t, script)
      assert.deepEqual(await logged(opened, 'bytes'), ['drawn data:image', 'bytes true'])
    })

    test('runs a worker from a blob', async (t) => {
      const script = `
        var source = new Blob(['onmessage = function (event) { postMessage(event.data * 2) }'], { type: 'text/javascript' })
        var worker = new Worker(URL.createObjectURL(source))
        worker.onmessage = function (event) { log('worked ' + event.data) }
        worker.postMessage(21)`
      assert.deepEqual(await logged(await visit(t, script), 'worked'), ['worked 42'])
    })

    test('has no page around it that it could read', async (t) => {
      const script = `
        attempt('parent', function () { return parent.document.title })
        attempt('top', function () { return top.location.href })
        attempt('name', function () { return parent.pybossa })`
      const lines = await logged(await visit(t, script), 'name')
      assert.deepEqual(lines, ['parent SecurityError', 'top SecurityError', 'name SecurityError'])
    })

    test('may fill the screen, and is refused the place where the visitor is', async (t) => {
      const script = `
        log('full screen ' + document.fullscreenEnabled)
        navigator.geolocation.getCurrentPosition(function () { log('place known') }, function () { log('place refused') })`
      assert.deepEqual(await logged(await visit(t, script), 'place'), ['full screen true', 'place refused'])
    })

    test('gets the room of its content, and a dialogue is seen where it opens', async (t) => {
      const markup = `<div style="height: 2500px">Tall</div>
        <button data-toggle="modal" data-target="#help">Help</button>
        <div id="help" class="modal fade"><div class="modal-dialog"><div class="modal-content">
          <div class="modal-body">Look closely. <button data-dismiss="modal">Close</button></div>
        </div></div></div>`
      const { frame, page } = await visit(t, '', markup)
      await page.locator('#presenter-stage[data-fit="content"]').waitFor()
      await page.waitForFunction('() => document.getElementById("presenter-frame").offsetHeight > 2500')
      await frame.getByRole('button', { name: 'Help' }).click()
      await frame.getByText('Look closely.').waitFor()
      await page.waitForFunction('() => scrollY < 400')
      await frame.getByRole('button', { name: 'Close' }).click()
      await frame.getByText('Look closely.').waitFor({ state: 'hidden' })
    })

    test('opens a dialogue of Bootstrap 2 that is higher than the task', async (t) => {
      const markup = `<a href="#old" data-toggle="modal">Open</a>
        <div id="old" class="modal hide fade"><div class="modal-body" style="height: 1400px">Old times</div></div>`
      const { frame, page } = await visit(t, '', markup)
      await page.locator('#presenter-stage[data-fit="content"]').waitFor()
      await frame.getByRole('link', { name: 'Open' }).click()
      await frame.getByText('Old times').waitFor()
      await page.waitForFunction('() => document.getElementById("presenter-frame").offsetHeight > 1400')
    })

    test('asks before what somebody typed is left, until it is saved', async (t) => {
      const markup = '<textarea aria-label="Text"></textarea>'
      const { frame, page, address } = await visit(t, `${ANSWERING} pybossa.run('birds')`, markup)
      await frame.getByText('Task 1').waitFor()
      await frame.getByLabel('Text').fill('Long')
      await frame.getByLabel('Text').pressSequentially('er')
      const asked = page.waitForEvent('dialog')
      const left = page.goto(address)
      const dialog = await asked
      assert.equal(dialog.type(), 'beforeunload')
      await dialog.accept()
      await left
      await frame.getByLabel('Text').pressSequentially('Long')
      await frame.getByRole('button', { name: 'Yes' }).click()
      await frame.getByText('Task 2').waitFor()
      await page.getByText('Saved', { exact: true }).waitFor()
      const questions: string[] = []
      page.on('dialog', (another) => {
        questions.push(another.type())
        void another.accept()
      })
      await page.goto(address)
      assert.deepEqual(questions, [])
    })

    test('hears number keys that are pressed on the page around it', async (t) => {
      const script = `${ANSWERING} pybossa.run('birds')
        $(document).on('keydown keyup', function (event) { log(event.type + ' ' + event.key + ' ' + event.which) })`
      const opened = await visit(t, script)
      await opened.frame.getByText('Task 1').waitFor()
      await opened.page.locator('#skip-task').press('2')
      assert.deepEqual((await logged(opened, 'keyup')).slice(-2), ['keydown 2 50', 'keyup 2 50'])
    })

    test('has names of its own, whatever the page around it calls its parts', async (t) => {
      const markup = '<p id="status-line">Mine</p><button id="skip-task">Mine</button><i id="contribute"></i>'
      const { frame, page } = await visit(t, `${ANSWERING} pybossa.run('birds')`, markup)
      await frame.getByText('Task 1').waitFor()
      assert.equal(await frame.locator('#status-line').innerText(), 'Mine')
      await page.locator('#skip-task').click()
      await frame.getByText('Task 2').waitFor()
    })

    test('links to its tutorial and its tasks as on PyBossa', async (t) => {
      const tutorial = `<script>log = $('<p>Read this.</p>').appendTo('body')</script><a href="../SHORT/newtask">Begin</a>`
      const markup = '<a href="../tutorial">Tutorial</a>'
      const opened = await contributeByCode(t, site, browser, `${ANSWERING} pybossa.run('birds')`, markup, {
        by: person,
        tutorial,
      })
      const { frame, page, project } = opened
      await frame.getByText('Read this.').waitFor()
      await page.getByRole('link', { name: 'Start answering' }).click()
      await frame.getByText('Task 1').waitFor()
      await frame.getByRole('link', { name: 'Tutorial' }).click()
      await page.waitForURL(`**/project/${project.shortName}/tutorial`)
      await frame.getByText('Read this.').waitFor()
    })

    test('loads PyBossa’s scripts a second time and keeps what it had', async (t) => {
      const markup = [
        '/static/vendor/jquery.js',
        '/static/js/pybossa/pybossa.js',
        '/static/js/pybossa-player/dist/pybossa-player.min.js',
      ]
        .map((path) => `<script src="${path}"></script>`)
        .join('')
      const { frame, page, stored } = await visit(
        t,
        `log('plug-in ' + typeof $.fn.modal); ${ANSWERING} pybossa.run('birds')`,
        markup,
      )
      for (const n of [1, 2, 3]) {
        await frame.getByText(`Task ${n}`).waitFor()
        await frame.getByRole('button', { name: 'Yes' }).click()
      }
      await page.locator('#finished-panel').waitFor()
      assert.equal((await stored()).length, 3)
      assert.match((await frame.locator('#log').textContent()) ?? '', /^plug-in function/)
    })

    test('loads from its site what PyBossa’s themes had: d3, word clouds, jQuery Migrate, fancybox', async (t) => {
      const markup = `${[
        'js/d3.v2.min.js',
        'js/d3.layout.cloud.js',
        'js/vendor/jquery-migrate.min.js',
        'vendor/fancybox/jquery.fancybox.pack.js?v=2.1.5',
      ]
        .map((path) => `<script src="/static/${path}"></script>`)
        .join('')}<link rel="stylesheet" href="/static/vendor/fancybox/jquery.fancybox.css">
        <a class="fancybox" href="/media/demo/hubble-001.jpg">Enlarge</a><a class="fancybox" href="#words">More</a>
        <div id="words" style="display: none">Look at the beak.</div><input id="tick" type="checkbox" checked="checked">`
      const script = `
        log('migrated ' + typeof $.browser + ' ' + $('#tick').live('change', $.noop).length)
        log('colours ' + d3.scale.category20b()('a') + ' ' + d3.select('#tick').node().id)
        $('.fancybox').fancybox({ afterClose: function () { log('closed') } })
        d3.layout.cloud().size([200, 100]).timeInterval(10).text(function (d) { return d.name })
          .fontSize(function () { return 20 }).rotate(0).words([{ name: 'bird' }, { name: 'beak' }])
          .on('end', function (words) { log('placed ' + words.length) }).start()`
      const opened = await visit(t, script, markup)
      assert.deepEqual(await logged(opened, 'placed'), [
        'migrated object 1',
        'colours #393b79 tick',
        'placed 2',
      ])
      const { frame } = opened
      await frame.getByRole('link', { name: 'Enlarge' }).click()
      await frame.locator('.fancybox-content img[src="/media/demo/hubble-001.jpg"]').waitFor()
      await frame.getByRole('button', { name: 'Close' }).click()
      await logged(opened, 'closed')
      await frame.getByRole('link', { name: 'More' }).click()
      await frame.getByRole('dialog').getByText('Look at the beak.').waitFor()
    })

    test('brings a jQuery of its own, and our promises go on working with both', async (t) => {
      const own = (await readFile('node_modules/jquery/dist/jquery.js', 'utf8')).replace(
        /"2\.2\.4"/,
        '"1.7.1"',
      )
      const script = `
        log('mine ' + $.fn.jquery)
        pybossa.presentTask(function (task, deferred) {
          if (!task.id || task.info.n > 1) return
          $.when(pybossa.saveTask(task.id, 'own'), pybossa.userProgress('x')).done(function (run, progress) {
            log('saved ' + run.info + ' ' + typeof progress.done)
            deferred.resolve()
          })
        })
        pybossa.run('birds')`
      const opened = await visit(t, script, `<script>${own}</script>`)
      assert.deepEqual(await logged(opened, 'saved'), ['mine 1.7.1', 'saved own number'])
    })
  })
}
