import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { codeOfTemplate } from '../../src/domain/presenters/template-code.ts'
import { getTemplate, parseTemplatePresenter } from '../../src/domain/presenters/templates.ts'
import type { TemplatePresenter } from '../../src/domain/presenters/templates.ts'
import type { JsonObject } from '../../src/lib/bridge.ts'
import { readyTemplates } from '../../src/lib/templates/index.ts'
import { defaultSettings } from '../../src/lib/templates/settings.ts'
import { startTestApp } from '../support/app.ts'
import type { TestApp } from '../support/app.ts'
import { rowsOf } from '../support/builders.ts'
import { startChromium } from '../support/chromium.ts'
import { contribute, pictureTask } from '../support/contribution.ts'
import { untilFileEnds } from '../support/file-ending.ts'

const ending = untilFileEnds()
let site: TestApp
let browser: Browser

before(async () => {
  ;[site, browser] = await Promise.all([startTestApp(ending), startChromium(ending)])
})

function templateFor(id: string, settings: JsonObject = {}): TemplatePresenter {
  const template = getTemplate(id)
  const whole = { ...defaultSettings(template), question: 'End </script>?', ...settings }
  return parseTemplatePresenter(id, whole, '')
}

function codeFor(id: string, settings: JsonObject = {}): string {
  return codeOfTemplate(templateFor(id, settings), 'some-project')
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

for (const kind of ['as it is', 'switched to code']) {
  test(`a template ${kind} speaks its reader’s language`, async (t) => {
    const reader = await site.user()
    await rowsOf(site, "update user_account set locale = 'es_MX' where id = $1", [reader.id])
    const settings = { multiple: true, choices: ['Arms', 'Dust'] }
    const presenter =
      kind === 'as it is'
        ? templateFor('image-classification', settings)
        : ({ kind: 'code', code: codeFor('image-classification', settings), tutorial: null } as const)
    const visit = await contribute(t, site, browser, { presenter, infos: [pictureTask(1)], by: reader })
    await visit.sees(1)
    await visit.choice('Enviar').click()
    await visit.frame.getByText('Elija al menos una.').waitFor()
    assert.equal(await visit.frame.locator('button.submit:lang(es)').count(), 1)
  })
}

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
