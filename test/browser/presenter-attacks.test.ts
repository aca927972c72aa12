import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { Browser, Frame, Page } from 'playwright-core'
import type { Presenter } from '../../src/domain/presenters/presenter-service.ts'
import { listOf } from '../support/api.ts'
import { startTestApp } from '../support/app.ts'
import type { TestApp } from '../support/app.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { startChromium } from '../support/chromium.ts'
import { buildPresenterProject } from '../support/presenter-project.ts'
import type { PresenterProject } from '../support/presenter-project.ts'
import {
  EXHAUST_STORAGE,
  FLOOD,
  FORGE_MESSAGES,
  LEAVE_PAGE,
  LEAVE_SECRET,
  LOOK_AROUND,
  READ_STORAGE,
  STEAL_PORT,
  TAKE_AWAY,
  askOverPort,
  callWithCookies,
  sendForm,
} from './hostile-scripts.ts'

/** An honest presenter; each test then acts in its frame as a hostile one would: it is the same script's world. */
const CODE: Presenter = {
  kind: 'code',
  tutorial: null,
  code: `<p id="shown"></p><button id="yes">Yes</button><script>
    pybossa.presentTask(function (task, deferred) {
      document.getElementById('shown').dataset.id = task.id
      document.getElementById('shown').textContent = task.id ? 'Task ' + task.info.n : 'The end'
      document.getElementById('yes').onclick = function () {
        pybossa.saveTask(task.id, 'Yes').done(function () { deferred.resolve() })
      }
    })
    pybossa.run('somewhere-else')
  </script>`,
}

const WAYS = {
  'on a host of its own on another site': {
    url: undefined,
    settings: {},
    origin: /^http:\/\/p\d+\.presenter\.localhost:\d+$/,
  },
  "on a host of its own on the site's own domain": {
    url: 'http://site.example.test',
    settings: { SITE_URL: 'http://site.example.test', PRESENTER_ORIGIN: 'http://p{id}.site.example.test' },
    origin: /^http:\/\/p\d+\.site\.example\.test$/,
  },
  'in an opaque sandbox': {
    url: undefined,
    settings: { PRESENTER_ORIGIN: 'http://presenters.example.test' },
    origin: /^null$/,
  },
}

for (const [place, way] of Object.entries(WAYS)) {
  describe(`a hostile presenter ${place}`, () => {
    const ending = untilFileEnds()
    let site: TestApp
    let browser: Browser
    let url: string
    let birds: PresenterProject
    let other: PresenterProject
    let page: Page
    let frame: Frame

    before(async () => {
      site = await startTestApp(ending, way.settings)
      const { port } = site.app.config.http
      browser = await startChromium(ending, `--host-resolver-rules=MAP *.example.test 127.0.0.1:${port}`)
      url = way.url ?? site.url
      birds = await buildPresenterProject(site, CODE, [
        { n: 1 },
        { n: 2 },
        { n: 3 },
        { n: 4 },
        { n: 5 },
        { n: 6 },
        ...Array.from({ length: 6 }, (_, index) => ({ n: 7 + index })),
      ])
      other = await buildPresenterProject(site, CODE, [{ n: 1 }])
      const context = await browser.newContext()
      ending.after(() => context.close())
      page = await context.newPage()
      page.setDefaultTimeout(30_000)
      // The visitor is signed in, and is the owner besides: as much as there is to steal.
      await page.goto(`${url}/account/signin`)
      await page.getByLabel('E-mail').fill(birds.owner.email)
      await page.getByLabel('Password').fill(birds.owner.password)
      await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click()
      await page.waitForURL((address) => !address.pathname.includes('signin'))
      await open()
    })

    async function open(): Promise<void> {
      await page.goto(`${url}/project/${birds.project.shortName}/newtask`)
      frame = await framePresenter()
    }

    async function framePresenter(): Promise<Frame> {
      const element = await page.waitForSelector('#presenter-frame')
      const content = await element.contentFrame()
      assert.ok(content)
      await content.getByText(/Task \d/).waitFor()
      return content
    }

    /** The page still works for its visitor: an answer is saved as theirs. */
    async function isUsable(): Promise<void> {
      const stored = (await birds.stored()).length
      const shown = await frame.locator('#shown').innerText()
      await frame.getByRole('button', { name: 'Yes' }).click()
      await frame.locator('#shown').filter({ hasNotText: shown }).waitFor()
      assert.equal((await birds.stored()).length, stored + 1)
    }

    test('runs under another origin and can be used', async () => {
      assert.match(await frame.evaluate<string>('origin'), way.origin)
      await isUsable()
      const list = await site.http.get('/api/taskrun').query({ project_id: birds.project.id }).expect(200)
      assert.equal((list.body as { user_id: number }[])[0]?.user_id, birds.owner.id)
    })

    test("cannot see the site's cookies, storage or page", async () => {
      const seen = await frame.evaluate<Record<string, string>>(LOOK_AROUND)
      assert.equal(seen['cookie'], `${birds.project.shortName}tutorial=seen`)
      assert.equal(seen['storage'], '')
      assert.deepEqual([seen['page'], seen['address']], ['SecurityError', 'SecurityError'])
    })

    test("cannot use the visitor's session for calls of its own", async () => {
      const run = { project_id: birds.project.id, task_id: birds.taskIds[11], info: 'forged' }
      const answers = await frame.evaluate<string[]>(callWithCookies(url, run))
      assert.equal(answers.length, 8)
      for (const answer of answers) assert.ok(!answer.includes(birds.owner.email), answer)
      assert.ok(!(await birds.stored()).includes('forged'))
      await open()
      assert.equal(await page.getByRole('button', { name: 'Sign out' }).count(), 1)
    })

    test("cannot send forms in the visitor's name", async () => {
      await frame.evaluate(sendForm(`${url}/account/signout`))
      await page.waitForTimeout(500)
      await open()
      assert.equal(await page.getByRole('button', { name: 'Sign out' }).count(), 1)
    })

    test('cannot reach anything through the bridge but its own project', async () => {
      const { id } = birds.project
      const foreignTask = other.taskIds[0] ?? 0
      const ask = (method: string, path: string, body?: unknown) =>
        frame.evaluate<number>(askOverPort({ method, path, body }))
      await frame.evaluate(STEAL_PORT)
      const requests: string[] = []
      page.on('request', (request) => requests.push(new URL(request.url()).pathname))

      assert.equal(await ask('GET', `/api/project/${id}`), 200)
      for (const path of [
        `/api/project/${id + 1}`,
        `/api/project/${id + 1}/newtask`,
        `/api/project/${id}/../../account/profile`,
        '/api/user',
        '/api/token',
        '/account/profile',
        '/admin',
      ]) {
        assert.equal(await ask('GET', path), 403, path)
      }
      assert.equal(await ask('POST', '/api/project', { name: 'x' }), 403)
      assert.equal(await ask('POST', '/account/signout', {}), 403)
      assert.equal(await ask('GET', `/api/task/${foreignTask}`), 404)
      const forged = { project_id: other.project.id, task_id: foreignTask, info: 'forged' }
      assert.equal(await ask('POST', '/api/taskrun', forged), 403)

      assert.deepEqual(requests, [`/api/project/${id}`, `/api/task/${foreignTask}`, '/api/taskrun'])
      assert.deepEqual(await other.stored(), [])
    })

    test('cannot speak to the page from a frame inside, or past its port', async () => {
      const before = page.url()
      await frame.evaluate(FORGE_MESSAGES)
      await page.waitForTimeout(500)
      assert.equal(await page.locator('#finished-panel').isVisible(), false)
      assert.equal(page.url(), before)
      await isUsable()
    })

    test('cannot answer as somebody else, or past the bridge', async () => {
      await frame.evaluate(STEAL_PORT)
      const somebody = await site.user()
      const taskId = Number((await frame.locator('#shown').getAttribute('data-id')) ?? 0)
      const body = { project_id: birds.project.id, task_id: taskId, info: 'forged', user_id: somebody.id }
      assert.equal(
        await frame.evaluate<number>(askOverPort({ method: 'POST', path: '/api/taskrun', body })),
        200,
      )
      const runs = await listOf(site.http.get('/api/taskrun').query({ project_id: birds.project.id }))
      assert.deepEqual([...new Set(runs.map((run) => run['user_id']))], [birds.owner.id])

      // A form reaches the site without a word of whose it is: it is an address's then, or nobody's.
      const before = runs.length
      await frame.evaluate(sendForm(`${url}/api/taskrun`))
      await frame.evaluate(sendForm(`${url}/account/keys`))
      await frame.evaluate(sendForm(`${url}/project/${birds.project.shortName}/publish`))
      await page.waitForTimeout(500)
      assert.equal((await birds.stored()).length, before)
      await open()
      await isUsable()
    })

    test("cannot read what another project's presenter keeps", async () => {
      await frame.evaluate(LEAVE_SECRET)
      await page.goto(`${url}/project/${other.project.shortName}/newtask`)
      frame = await framePresenter()
      assert.doesNotMatch(await frame.evaluate<string>(READ_STORAGE), /of-birds/)
      await open()
    })

    test('that fills its storage takes nothing from the site', async () => {
      await frame.evaluate(EXHAUST_STORAGE)
      const kept =
        'localStorage.setItem("probe", "x".repeat(100000)); localStorage.removeItem("probe"); "kept"'
      assert.equal(await page.evaluate(kept), 'kept')
      await open()
      await isUsable()
      assert.equal(await page.getByRole('button', { name: 'Sign out' }).count(), 1)
    })

    test('cannot take the visitor elsewhere', async () => {
      const before = page.url()
      await frame.evaluate(STEAL_PORT)
      await frame.evaluate(TAKE_AWAY)
      await page.waitForTimeout(500)
      assert.equal(page.url(), before)
    })

    test('that leaves its own page is opened again', async () => {
      await frame.evaluate(LEAVE_PAGE)
      await page.waitForTimeout(500)
      frame = await framePresenter()
      await isUsable()
    })

    test('that floods the page with messages is stopped, and can be loaded again', async () => {
      await frame.evaluate(STEAL_PORT)
      // The frame is gone before it can answer.
      await frame.evaluate(FLOOD).catch(() => undefined)
      await page.getByText('The task page sent too much at once and was stopped.').waitFor()
      assert.equal(await page.locator('#presenter-frame').count(), 0)
      await page.getByRole('button', { name: 'Load the task again' }).click()
      frame = await framePresenter()
      await isUsable()
    })
  })
}
