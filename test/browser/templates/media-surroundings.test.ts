import { before, describe, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { getTemplate, parseTemplatePresenter } from '../../../src/domain/presenters/templates.ts'
import type { JsonObject } from '../../../src/lib/bridge.ts'
import { PRESENTER_STRINGS } from '../../../src/lib/contribute-strings.ts'
import { defaultSettings } from '../../../src/lib/templates/settings.ts'
import { templateSamples } from '../../../src/web/pages/template-samples.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestApp } from '../../support/app.ts'
import { startChromium } from '../../support/chromium.ts'
import { contribute } from '../../support/contribution.ts'
import { untilFileEnds } from '../../support/file-ending.ts'

const MISSING = '/media/samples/missing/missing'

/** What each template with a library shows when its medium is not there. */
const TEMPLATES: { id: string; broken: JsonObject; brokenSettings?: JsonObject }[] = [
  { id: 'image-regions', broken: { picture: `${MISSING}.jpg` } },
  { id: 'audio', broken: { audio: `${MISSING}.wav` } },
  { id: 'video', broken: { video: `${MISSING}.webm` } },
  { id: 'transcription', broken: { page: `${MISSING}.jpg` } },
  { id: 'pdf', broken: { pdf: `${MISSING}.pdf` } },
  {
    id: 'map',
    broken: { place: 'nowhere' },
    brokenSettings: { tileUrl: `${MISSING}-{z}-{x}-{y}.webp` },
  },
]

const ending = untilFileEnds()
let browser: Browser

before(async () => {
  browser = await startChromium(ending)
})

function presenterOf(id: string, settings: JsonObject = {}) {
  const template = getTemplate(id)
  return parseTemplatePresenter(
    id,
    { ...defaultSettings(template), question: 'What is it?', ...settings },
    '',
  )
}

function failureOf(id: string): string {
  return getTemplate(id).words['failed'] ?? PRESENTER_STRINGS.pictureFailed
}

describe('a medium that cannot be loaded', () => {
  let site: TestApp
  before(async () => {
    site = await startTestApp(ending)
  })

  for (const { id, broken, brokenSettings } of TEMPLATES) {
    test(`is told in ${id}, can be tried again, and can be passed over`, async (t) => {
      const presenter = presenterOf(id, brokenSettings)
      const { frame, page } = await contribute(t, site, browser, { presenter, infos: [broken] })
      await frame.getByText(failureOf(id)).waitFor()
      await frame.getByRole('button', { name: 'Try again' }).click()
      await frame.getByText(failureOf(id)).waitFor()
      await frame.getByRole('button', { name: 'Skip this task' }).click()
      await page.locator('#finished-panel').waitFor()
    })
  }
})

describe('in the opaque sandbox', () => {
  let site: TestApp
  before(async () => {
    site = await startTestApp(ending, { PRESENTER_ORIGIN: 'http://presenters.example.test' })
  })

  for (const { id } of TEMPLATES) {
    test(`${id} shows its samples`, async (t) => {
      const infos = await templateSamples(site.app, getTemplate(id))
      const { frame } = await contribute(t, site, browser, { presenter: presenterOf(id), infos })
      await frame.locator('.task[data-state="ready"]').waitFor()
    })
  }
})
