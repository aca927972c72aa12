import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { before, describe, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { codeOfTemplate } from '../../../src/domain/presenters/template-code.ts'
import { getTemplate, parseTemplatePresenter } from '../../../src/domain/presenters/templates.ts'
import type { JsonObject } from '../../../src/lib/bridge.ts'
import { defaultSettings } from '../../../src/lib/templates/settings.ts'
import { templateSamples } from '../../../src/web/pages/template-samples.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestApp } from '../../support/app.ts'
import { startChromium } from '../../support/chromium.ts'
import { contribute } from '../../support/contribution.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { startMediaServer } from '../../support/media-server.ts'
import { waitForReplica } from '../../support/servers.ts'

const ending = untilFileEnds()
let site: TestApp
let browser: Browser

before(async () => {
  ;[site, browser] = await Promise.all([startTestApp(ending), startChromium(ending)])
})

function presenterOf(id: string, settings: JsonObject = {}) {
  const whole = { ...defaultSettings(getTemplate(id)), question: 'What is it?', ...settings }
  return parseTemplatePresenter(id, whole, '')
}

function demoPicture(): Promise<Buffer> {
  return readFile(new URL('../../../src/demo/media/hubble-001.jpg', import.meta.url))
}

const DEEP_ZOOM = `<?xml version="1.0" encoding="UTF-8"?>
<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" Format="jpg" Overlap="0" TileSize="256">
  <Size Width="1024" Height="1024"/></Image>`

test('a page in Deep Zoom is fetched in tiles', async (t) => {
  const picture = await demoPicture()
  const { url, asked } = await startMediaServer(t, (path) => {
    if (path === '/page.dzi') return { type: 'application/xml', content: DEEP_ZOOM }
    return /^\/page_files\/\d+\/\d+_\d+\.jpg$/.test(path)
      ? { type: 'image/jpeg', content: picture }
      : undefined
  })
  const presenter = presenterOf('transcription')
  const { frame, page, stored } = await contribute(t, site, browser, {
    presenter,
    infos: [{ page: `${url}/page.dzi` }],
  })
  const tile = page.waitForResponse(/page_files/)
  await frame.locator('.task[data-state="ready"]').waitFor()
  assert.equal((await tile).status(), 200)
  await frame.getByLabel('Text of the page').fill('Read')
  await frame.getByRole('button', { name: 'Submit' }).click()
  await page.locator('#finished-panel').waitFor()
  assert.deepEqual(await stored(), [{ text: 'Read' }])
  assert.ok(asked.every((path) => path.startsWith('/page')))
})

test('a page in Deep Zoom that scripts may not read is told, and can be passed over', async (t) => {
  const { url } = await startMediaServer(t, () => ({ type: 'application/xml', content: DEEP_ZOOM }), {
    isOpen: false,
  })
  const presenter = presenterOf('transcription')
  const { frame, page } = await contribute(t, site, browser, {
    presenter,
    infos: [{ page: `${url}/page.dzi` }],
  })
  await frame.getByText('The page could not be loaded.').waitFor()
  await frame.getByRole('button', { name: 'Skip this task' }).click()
  await page.locator('#finished-panel').waitFor()
})

for (const kind of ['as it is', 'switched to code']) {
  test(`a sound that scripts may not read is played and answered, the template ${kind}`, async (t) => {
    const [sample] = await templateSamples(site.app, getTemplate('audio'))
    const path = (sample as { audio: string }).audio.replace('/media/samples/', 'samples/')
    const content = await readFile(new URL(`../../../src/demo/${path}`, import.meta.url))
    const { url } = await startMediaServer(t, () => ({ type: 'audio/wav', content }), { isOpen: false })
    const template = presenterOf('audio', {
      task: 'both',
      choices: ['Owl', 'Bell'],
      marks: 'moments',
      labels: [],
    })
    const presenter =
      kind === 'as it is'
        ? template
        : ({ kind: 'code', code: codeOfTemplate(template, 'x'), tutorial: null } as const)
    const { frame, page, stored } = await contribute(t, site, browser, {
      presenter,
      infos: [{ audio: `${url}/sound` }],
    })
    await frame.locator('.task[data-state="ready"]').waitFor()
    await frame.getByRole('button', { name: 'Play', exact: true }).click()
    await frame.getByRole('button', { name: 'Pause', exact: true }).click()
    await frame.getByRole('slider', { name: 'Position' }).fill('1')
    await frame.getByRole('button', { name: 'Mark this moment' }).click()
    await frame.getByRole('button', { name: 'Owl' }).click()
    await frame.getByRole('button', { name: 'Submit' }).click()
    await page.locator('#finished-panel').waitFor()
    const [info] = (await stored()) as { answer: string; marks: JsonObject[] }[]
    assert.equal(info?.answer, 'Owl')
    assert.deepEqual(info.marks, [{ type: 'moment', at: 1 }])
  })
}

describe('the templates with media, switched to code, show their samples', () => {
  for (const id of ['image-regions', 'audio', 'video', 'transcription', 'pdf', 'map', 'comparison']) {
    test(id, async (t) => {
      const code = codeOfTemplate(presenterOf(id), 'x')
      const infos = await templateSamples(site.app, getTemplate(id))
      const presenter = { kind: 'code', code, tutorial: null } as const
      const { frame } = await contribute(t, site, browser, { presenter, infos })
      await frame.locator('.task[data-state="ready"]').waitFor()
    })
  }
})

test('a picture of the field guide is shown beside the task', async (t) => {
  const { owner, page, project, address } = await contribute(t, site, browser)
  const { shortName } = project
  const pages = `/project/${shortName}/tasks`
  await owner.http
    .post(`${pages}/helpingmaterials`)
    .field('description', 'A galaxy')
    .attach('file', await demoPicture(), 'galaxy.jpg')
    .expect(302)
  await waitForReplica()
  const { text: list } = await owner.http.get(`${pages}/helpingmaterials`).expect(200)
  const [line = ''] = /!\[A galaxy\]\([^)]+\)/.exec(list) ?? []
  await owner.http
    .post(`${pages}/fieldguide`)
    .type('form')
    .send({ markdown: line, seen: '', step: 'save' })
    .expect(302)
  await waitForReplica()
  await page.goto(address)
  await page.getByRole('button', { name: 'Field guide' }).click()
  await page.getByRole('img', { name: 'A galaxy' }).waitFor()
  await page.waitForFunction('() => document.querySelector("#field-guide img").naturalWidth > 0')
})
