import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { Browser, FrameLocator } from 'playwright-core'
import type { Json } from '../../src/platform/schema.ts'
import { listOf } from '../support/api.ts'
import { startTestApp } from '../support/app.ts'
import type { TestApp, TestUser } from '../support/app.ts'
import { startChromium } from '../support/chromium.ts'
import { contribute } from '../support/contribution.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { NAMED, SNIPPETS } from './wild-presenters.ts'
import type { WildPresenter } from './wild-presenters.ts'

const FORMS = {
  'on a host of its own': {},
  'in an opaque sandbox': { PRESENTER_ORIGIN: 'http://presenters.example.test' },
}

for (const [form, settings] of Object.entries(FORMS)) {
  describe(form, () => {
    const ending = untilFileEnds()
    let site: TestApp
    let browser: Browser
    let person: TestUser

    before(async () => {
      ;[site, browser] = await Promise.all([startTestApp(ending, settings), startChromium(ending)])
      person = await site.user()
    })

    for (const [kind, presenters] of [
      ['PyBossa’s own presenter', SNIPPETS],
      ['75. A presenter like', NAMED],
    ] as const)
      for (const [name, { code, info, actions, expected, prepare }] of Object.entries(presenters))
        test(`${kind} ${name} saves one task run of the person before it`, async (t) => {
          const atSite = (text: string) => text.replaceAll('SITE', site.url)
          const { page, frame, project, stored } = await contribute(t, site, browser, {
            presenter: { kind: 'code', code: atSite(code), tutorial: null },
            infos: [JSON.parse(atSite(JSON.stringify(info))) as Json],
            by: person,
            ...(prepare ? { prepare } : {}),
          })
          page.on('dialog', (dialog) => void dialog.accept())
          await frame.locator('#loading').waitFor({ state: 'hidden' })
          for (const action of actions) await act(frame, action)
          await page.locator('#finished-panel').waitFor()
          assert.deepEqual(await stored(), [expected])
          const runs = await listOf(site.http.get('/api/taskrun').query({ project_id: project.id }))
          assert.deepEqual(
            runs.map((run) => run['user_id']),
            [person.id],
          )
        })
  })
}

async function act(frame: FrameLocator, action: WildPresenter['actions'][number]): Promise<void> {
  if ('press' in action) await frame.getByRole('button', { name: action.press }).click()
  else if ('fill' in action) await frame.getByLabel(action.fill).fill(action.text)
  else await frame.locator(action.clickOn).click()
}
