import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { codeOfTemplate } from '../../src/domain/presenters/template-code.ts'
import { parseTemplatePresenter } from '../../src/domain/presenters/templates.ts'
import type { JsonObject } from '../../src/lib/bridge.ts'
import { readyTemplates } from '../../src/lib/templates/index.ts'
import { defaultSettings } from '../../src/lib/templates/settings.ts'
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

function codeFor(id: string, settings: JsonObject = {}): string {
  const template = readyTemplates.find((each) => each.id === id)
  assert.ok(template)
  const whole = { ...defaultSettings(template), question: 'End </script>?', ...settings }
  return codeOfTemplate(parseTemplatePresenter(id, whole, ''), 'some-project')
}

for (const kind of ['a host of its own', 'the opaque sandbox']) {
  test(`a template as code stores the same, on ${kind}`, async (t) => {
    const presenter = {
      kind: 'code',
      code: codeFor('image-classification', { choices: ['Yes', 'No'] }),
      tutorial: null,
    } as const
    const siteUrl = kind === 'the opaque sandbox' ? site.url.replace('localhost', 'site.test') : site.url
    const infos = [1, 2].map(pictureTask)
    const visit = { presenter, infos, siteUrl }
    const hosts = '--host-resolver-rules=MAP site.test 127.0.0.1'
    const { stored, frame, page, sees, choice } = await contribute(
      t,
      site,
      await startChromium(t, hosts),
      visit,
    )
    await sees(1)
    await frame.getByRole('heading', { name: 'End </script>?' }).waitFor()
    await choice('No').click()
    await sees(2)
    await frame.locator('body').press('1')
    await page.locator('#finished-panel').waitFor()
    assert.deepEqual(await stored(), [{ answer: 'No' }, { answer: 'Yes' }])
  })
}

test('code with a button says what is missing, and keeps a comment', async (t) => {
  const code = codeFor('image-classification', {
    multiple: true,
    commentBox: true,
    choices: ['Arms', 'Dust'],
  })
  const presenter = { kind: 'code', code, tutorial: null } as const
  const { stored, frame, page, sees, choice } = await contribute(t, site, browser, {
    presenter,
    infos: [pictureTask(1)],
  })
  await sees(1)
  await choice('Submit').click()
  await frame.getByText('Choose at least one.').waitFor()
  await choice('Dust').click()
  await frame.getByText('Add a comment').click()
  await frame.getByLabel('Comment', { exact: true }).fill('dim')
  await choice('Submit').click()
  await page.locator('#finished-panel').waitFor()
  assert.deepEqual(await stored(), [{ answer: ['Dust'], comment: 'dim' }])
})

test('every template can be switched to code that loads', async (t) => {
  for (const { id } of readyTemplates) {
    for (const name of [`${id}.js`, `${id}.css`, 'manyhands.js', 'manyhands.css']) {
      await site.http.get(`/tools/${name}`).expect(200).expect('Access-Control-Allow-Origin', '*')
    }
    assert.ok(codeFor(id).includes(`/tools/${id}.js`))
    t.diagnostic(id)
  }
  await site.http.get('/tools/none.js').expect(404)
})
