import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import type { Presenter } from '../../src/domain/presenters/presenter-service.ts'
import { startTestApp } from '../support/app.ts'
import type { TestApp } from '../support/app.ts'
import { rowsOf } from '../support/builders.ts'
import { startChromium } from '../support/chromium.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { openAsOwner } from '../support/owner-page.ts'
import { buildPresenterProject } from '../support/presenter-project.ts'
import type { PresenterProject } from '../support/presenter-project.ts'
import { waitForReplica } from '../support/servers.ts'
import { hasNoFaults } from '../support/template-session.ts'

const ending = untilFileEnds()
let site: TestApp
let browser: Browser

before(async () => {
  ;[site, browser] = await Promise.all([startTestApp(ending), startChromium(ending)])
})

const SHOWS = `<h1>Task <span id="number"></span>: <span id="word"></span></h1>
<script>
pybossa.presentTask(function (task, deferred) {
  document.getElementById('number').textContent = task.id
  document.getElementById('word').textContent = task.info.word
})
pybossa.run(NAME)
</script>
`

interface Editor extends PresenterProject {
  page: Page
  context: BrowserContext
  path: string
  /** What the browser said about the site's policy. */
  refused: string[]
}

async function openEditor(t: TestContext, options: { javaScriptEnabled?: boolean } = {}): Promise<Editor> {
  const presenter: Presenter = { kind: 'code', code: '<p>First</p>\n', tutorial: null }
  const infos = ['one', 'two', 'three'].map((word) => ({ word }))
  const built = await buildPresenterProject(site, presenter, infos)
  const path = `/project/${built.project.shortName}/tasks/taskpresentereditor/code`
  const page = await openAsOwner(t, { site, browser, owner: built.owner }, path, options)
  const refused: string[] = []
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) refused.push(message.text())
  })
  return { ...built, page, context: page.context(), path, refused }
}

const codeOf = (page: Page) => page.getByRole('textbox', { name: 'HTML and script' })

async function write(page: Page, code: string): Promise<void> {
  await codeOf(page).click()
  await page.keyboard.press('ControlOrMeta+a')
  await page.keyboard.insertText(code)
}

async function saved(page: Page): Promise<void> {
  await page.locator('#draft-state[data-state="saved"]').waitFor()
}

test('what an owner types is saved by itself, checked, and there after a reload', async (t) => {
  const { page, refused, project } = await openEditor(t)
  await write(page, `<p>Mine</p>\n<script>\npybossa.run('other')\n</script>`)
  await saved(page)
  await page.locator('#presenter-warnings').getByText('names another project').waitFor()
  await page.locator('.cm-lint-marker-warning').first().waitFor()
  const warning = page.locator('#presenter-warnings li', { hasText: 'names another project' })
  await warning.getByRole('link').click()
  assert.match(await page.locator('.cm-activeLine').first().innerText(), /pybossa\.run/)
  await page.reload()
  await codeOf(page).getByText('Mine').waitFor()
  await page.getByText('Draft saved').waitFor()
  assert.deepEqual(refused, [])
  const [draft] = await rowsOf<{ code: string }>(
    site,
    'select code from presenter_draft where project_id = $1',
    [project.id],
  )
  assert.match(draft?.code ?? '', /^<p>Mine<\/p>\n<script>\n/)
})

test('an owner publishes, compares with the version before, and brings it back', async (t) => {
  const { page, refused } = await openEditor(t)
  await write(page, '<p>Second</p>\n')
  await saved(page)
  // One with nothing left to save is sent just as well as one that is under way.
  await page.reload()
  await page.getByLabel('Note').fill('Better')
  await page.getByRole('button', { name: 'Publish this version' }).click()
  await page.getByRole('heading', { name: 'Versions of the presenter' }).waitFor()
  await page.getByRole('cell', { name: 'Better' }).waitFor()
  await hasNoFaults(page)
  await page.getByRole('button', { name: 'Compare' }).click()
  const comparison = page.locator('.code-comparison')
  await comparison.getByText('First').waitFor()
  await comparison.getByText('Second').waitFor()
  await hasNoFaults(page)
  // Where there is no room for two columns the lines stand one below the other.
  await page.setViewportSize({ width: 360, height: 740 })
  await page.reload()
  await page.locator('del', { hasText: 'First' }).waitFor()
  await hasNoFaults(page)
  await page.setViewportSize({ width: 1280, height: 740 })
  await page.goBack()
  await page.getByRole('button', { name: /^Bring back/ }).click()
  await page.getByRole('cell', { name: /As version/ }).waitFor()
  await page.getByRole('link', { name: 'Code', exact: true }).click()
  await codeOf(page).getByText('First').waitFor()
  await page.getByText('published since').waitFor({ state: 'detached' })
  assert.deepEqual(refused, [])
})

test('the draft is previewed in its frame with the task that was chosen, and its errors name their line', async (t) => {
  const { page, project, taskIds } = await openEditor(t)
  const [, second = 0, third = 0] = taskIds
  await write(page, SHOWS.replace('NAME', JSON.stringify(project.shortName)))
  await page.getByLabel('Task number').fill(String(second))
  await page.getByRole('button', { name: 'Run preview' }).click()
  const frame = page.frameLocator('#presenter-frame')
  await frame.getByRole('heading', { name: `Task ${second}: two` }).waitFor()
  await page.getByRole('button', { name: 'Next task' }).click()
  await frame.getByRole('heading', { name: `Task ${third}: three` }).waitFor()
  assert.equal(await page.getByLabel('Task number').inputValue(), String(third))

  await write(page, '<p>Broken</p>\n<script>\n\nnoSuchThing()\n</script>')
  await page.getByRole('button', { name: 'Run preview' }).click()
  const error = page.locator('#preview-errors li', { hasText: 'noSuchThing is not defined' })
  await error.getByRole('button', { name: 'Line 4' }).click()
  assert.match(await page.locator('.cm-activeLine').first().innerText(), /noSuchThing/)
  await page.getByLabel('Task number').fill('999999')
  await page.getByRole('button', { name: 'Run preview' }).click()
  await page.getByText('There is no such task').waitFor()
})

test('a preview tells what its script and its files do wrong, and saves nothing', async (t) => {
  const { page, stored } = await openEditor(t)
  const code = `<img src="/static/no-such.png">
<button id="save">Save</button>
<script>
setTimeout(function () { $('[[') })
Promise.reject(new Error('Lost'))
Promise.reject('Gone')
$('#save').click(function () { pybossa.newTask('x').done(function (data) { pybossa.saveTask(data.task.id, 'x') }) })
pybossa.presentTask(function () { throw new Error('Not shown') })
pybossa.run('x')
</script>`
  await write(page, code)
  await page.getByRole('button', { name: 'Run preview' }).click()
  const errors = page.locator('#preview-errors li')
  for (const text of [
    '/static/no-such.png',
    'Line 4 Uncaught',
    'Line 5 Not handled: Error: Lost',
    'Not handled: Gone',
  ]) {
    await errors.filter({ hasText: text }).first().waitFor()
  }
  await page.locator('#status-line', { hasText: 'Something in this task does not work' }).waitFor()
  await page.frameLocator('#presenter-frame').getByRole('button', { name: 'Save' }).click()
  await page.getByText('Preview: this answer is not saved').waitFor()
  assert.deepEqual(await stored(), [])
})

test('what is published at once, left or discarded at once is not lost and not kept', async (t) => {
  const { page, path } = await openEditor(t)
  await write(page, '<p>At once</p>')
  await page.getByRole('button', { name: 'Publish this version' }).click()
  await page.getByRole('heading', { name: 'Versions of the presenter' }).waitFor()
  await page.goto(site.url + path)
  await codeOf(page).getByText('At once').waitFor()

  await write(page, '<p>Left</p>')
  const asked = page.waitForEvent('dialog')
  const left = page.goto(site.url + path)
  const dialog = await asked
  assert.equal(dialog.type(), 'beforeunload')
  await dialog.accept()
  await left
  await page.reload()
  await codeOf(page).getByText('Left').waitFor()
  await write(page, '<p>Not wanted</p>')
  await saved(page)
  await page.getByRole('button', { name: 'Discard this draft' }).click()
  await codeOf(page).getByText('At once').waitFor()
})

test('a draft that the site does not take says why, and is sent again when that may help', async (t) => {
  const { page } = await openEditor(t)
  const refusals = [
    { status: 503, json: {} },
    { status: 413, json: { description: 'Too long to keep' } },
  ]
  await page.route('**/code/draft', (route) => {
    const refusal = refusals.shift()
    return refusal ? route.fulfill(refusal) : route.continue()
  })
  await write(page, '<p>Long</p>')
  await page.getByText('Not saved: 503').waitFor()
  await page.getByText('Not saved: Too long to keep').waitFor()
  await write(page, '<p>Short</p>')
  await saved(page)
})

test('a tutorial is written and previewed beside the code', async (t) => {
  const { page } = await openEditor(t)
  await page.getByRole('heading', { name: 'Tutorial' }).click()
  await page.getByRole('textbox', { name: 'HTML of the tutorial' }).click()
  await page.keyboard.insertText('<h1>How it goes</h1>')
  await page.getByLabel('Show', { exact: true }).selectOption('tutorial')
  await page.getByRole('button', { name: 'Run preview' }).click()
  await page.frameLocator('#presenter-frame').getByRole('heading', { name: 'How it goes' }).waitFor()
})

test('two windows with one draft lose nothing: the later one compares and chooses', async (t) => {
  const { page, context, path } = await openEditor(t)
  const other = await context.newPage()
  await other.goto(site.url + path)
  await write(page, '<p>From here</p>')
  await saved(page)
  await write(other, '<p>From there</p>')
  await other.getByText('changed in another window').waitFor()
  await other.getByRole('button', { name: 'Show what differs' }).click()
  await other.locator('.code-comparison').getByText('From here').waitFor()
  await hasNoFaults(other)
  await other.getByRole('button', { name: 'Keep my text' }).click()
  await saved(other)
  await write(page, '<p>Again from here</p>')
  await page.getByText('changed in another window').waitFor()
  await page.getByRole('button', { name: 'Take the other text' }).click()
  await codeOf(page).getByText('From there').waitFor()
})

test('without a connection the text waits, and is saved when there is one again', async (t) => {
  const { page } = await openEditor(t)
  await page.route('**/code/draft', (route) => route.abort(), { times: 1 })
  await write(page, '<p>Far away</p>')
  await page.getByText('the site cannot be reached').waitFor()
  await saved(page)
})

test('by keyboard alone one gets into the editor and out of it', async (t) => {
  const { page } = await openEditor(t)
  await codeOf(page).focus()
  await page.keyboard.press('ControlOrMeta+Home')
  await page.keyboard.press('Tab')
  assert.match(await codeOf(page).innerText(), /^ {2}<p>First/)
  await page.keyboard.press('Escape')
  await page.keyboard.press('Tab')
  assert.equal(await codeOf(page).evaluate('document.activeElement.matches(".code-field")'), false)
})

/** Colours and width do not meet: the other two pairs would find the same. */
const LOOKS = [
  { colorScheme: 'light', width: 360 },
  { colorScheme: 'dark', width: 1280 },
] as const

test('the pages around the editor have no accessibility problems, light or dark, wide or narrow', async (t) => {
  const { page, path, owner, project, version } = await openEditor(t)
  await write(page, `<p id="a"><b id="a">\n<script>\npybossa.run('other')\n</script>`)
  await saved(page)
  const tasks = path.replace(/taskpresentereditor.*/, '')
  const materials = `${tasks}helpingmaterials`
  await owner.http.post(materials).attach('file', 'src/demo/media/hubble-001.jpg').expect(302)
  const of = 'select id from helping_material where project_id = $1'
  const [material] = await rowsOf<{ id: number }>(site, of, [project.id])
  await waitForReplica()
  const addresses = [
    ...[path, path.replace(/code$/, `versions/${version.id}`)],
    ...[`${tasks}fieldguide`, materials, `${materials}/${material?.id}/delete`],
  ]
  for (const address of addresses) {
    await page.goto(site.url + address)
    for (const { colorScheme, width } of LOOKS) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height: 800 })
      await hasNoFaults(page)
      assert.equal(await page.evaluate('document.documentElement.scrollWidth'), width, `${address} ${width}`)
    }
  }
})

test('without script the code is a text area that is saved and published', async (t) => {
  const { page } = await openEditor(t, { javaScriptEnabled: false })
  await page.getByLabel('HTML and script').fill('<p>Plain</p>')
  await page.getByRole('button', { name: 'Save draft' }).click()
  await page.getByText('Draft saved').waitFor()
  await page.getByRole('button', { name: 'Publish this version' }).click()
  await page.getByRole('button', { name: 'Compare' }).click()
  await page.locator('del', { hasText: 'First' }).waitFor()
  await page.locator('ins', { hasText: 'Plain' }).waitFor()
})

test('a field guide is opened beside the task and closed again, by mouse and by keyboard', async (t) => {
  const { project, owner } = await openEditor(t)
  const path = `/project/${project.shortName}/tasks/fieldguide`
  await owner.http.post(path).type('form').send({ markdown: '# Wings', seen: '', step: 'save' }).expect(302)
  await waitForReplica()
  const context = await browser.newContext({ viewport: { width: 360, height: 740 } })
  t.after(() => context.close())
  const page = await context.newPage()
  await page.goto(`${site.url}/project/${project.shortName}/newtask`)
  const heading = page.getByRole('heading', { name: 'Wings' })
  await page.getByRole('button', { name: 'Field guide' }).click()
  await heading.waitFor()
  await hasNoFaults(page)
  await page.keyboard.press('Escape')
  await heading.waitFor({ state: 'hidden' })
  await page.keyboard.press('Enter')
  await heading.waitFor()
  await page.getByRole('button', { name: 'Close' }).click()
  await heading.waitFor({ state: 'hidden' })
})
