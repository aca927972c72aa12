import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { readyTemplates } from '../../src/lib/templates/index.ts'
import { startTestApp } from '../support/app.ts'
import type { TestApp } from '../support/app.ts'
import { draftProject, rowsOf } from '../support/builders.ts'
import { startChromium } from '../support/chromium.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { openAsOwner } from '../support/owner-page.ts'
import type { Ending } from '../support/servers.ts'
import { hasNoFaults } from '../support/template-session.ts'

const ending = untilFileEnds()
let site: TestApp
let browser: Browser

before(async () => {
  ;[site, browser] = await Promise.all([startTestApp(ending), startChromium(ending)])
})

async function openForm(t: Ending, template: string, options?: BrowserContextOptions) {
  const owner = await site.user()
  const project = await draftProject(site, owner, { tasks: 0 })
  const path = `/project/${project.shortName}/tasks/taskpresentereditor?template=${template}`
  const page = await openAsOwner(t, { site, browser, owner }, path, options)
  return {
    page,
    async saved() {
      const [row] = await rowsOf<{ kind: string; settings: Record<string, unknown> | null; code: string }>(
        site,
        'select kind, settings, code from presenter_version where project_id = $1 order by id desc limit 1',
        [project.id],
      )
      assert.ok(row)
      return row
    },
  }
}

test('fields of a form are added, moved and removed without script, and nothing typed is lost', async (t) => {
  const { page, saved } = await openForm(t, 'free-form', { javaScriptEnabled: false })
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
  const label = (nth: number) =>
    page.getByRole('group', { name: `Field ${nth}`, exact: true }).getByLabel('Label', { exact: true })
  await page.getByLabel('Question', { exact: true }).fill('What is this?')
  await press('Add field')
  await label(3).fill('Its colour')
  await press('Move up: Field 3')
  assert.equal(await label(2).inputValue(), 'Its colour')
  await press('Move down: Field 1')
  assert.equal(await label(1).inputValue(), 'Its colour')
  await press('Remove: Field 3')
  assert.equal(await label(3).count(), 0)
  await page
    .getByRole('group', { name: 'Field 1', exact: true })
    .getByLabel('Kind of field')
    .selectOption('one')
  await press('Save question')
  await page.getByRole('link', { name: 'Give at least two choices.' }).waitFor()
  await page
    .getByRole('group', { name: 'Field 1', exact: true })
    .getByLabel('Choices', { exact: true })
    .fill('red\nblue')
  await page.getByLabel('Question', { exact: true }).press('Enter')
  await page.getByText('Your question is saved.').waitFor()
  const { question, fields } = (await saved()).settings ?? {}
  assert.equal(question, 'What is this?')
  assert.ok(Array.isArray(fields))
  assert.deepEqual(
    fields.map(({ label, type, choices }: Record<string, unknown>) => ({ label, type, choices })),
    [
      { label: 'Its colour', type: 'one', choices: ['red', 'blue'] },
      { label: 'What do you see?', type: 'text', choices: [] },
    ],
  )
})

test('a form says what is wrong between its fields', async (t) => {
  const { page } = await openForm(t, 'free-form')
  await page.getByLabel('Question', { exact: true }).fill('What is this?')
  const first = page.getByRole('group', { name: 'Field 1', exact: true })
  await first.getByText('More settings').click()
  await first.getByLabel('Only ask when').fill('Nowhere')
  const second = page.getByRole('group', { name: 'Field 2', exact: true })
  await second.getByLabel('Largest').fill('99')
  await page.getByRole('button', { name: 'Save question', exact: true }).click()
  await page.getByRole('link', { name: 'No field above is called “Nowhere”.' }).waitFor()
  await page.getByRole('link', { name: 'A scale has whole numbers and at most 11 steps.' }).waitFor()
})

test('what a kind of field does not need is not asked for, and the preview follows', async (t) => {
  const { page } = await openForm(t, 'free-form')
  const first = page.getByRole('group', { name: 'Field 1', exact: true })
  const choices = first.getByLabel('Choices', { exact: true })
  assert.equal(await choices.isVisible(), false)
  await first.getByLabel('Kind of field').selectOption('several')
  await choices.fill('Arms\nDust')
  await page.frameLocator('#presenter-frame').getByLabel('Dust').waitFor()
  assert.equal(await first.getByLabel('Smallest').isVisible(), false)
})

test('a template is switched to code after a look at it', async (t) => {
  const { page, saved } = await openForm(t, 'text-spans')
  const question = page.getByLabel('Question', { exact: true })
  assert.equal(await question.inputValue(), 'Is there a bird?', 'what all templates have is kept')
  await question.fill('')
  await page.getByRole('button', { name: 'Switch to code' }).click()
  await page.getByRole('link', { name: 'Write the question that people will answer.' }).waitFor()
  await question.fill('Who is named?')
  await page.getByRole('button', { name: 'Switch to code' }).click()
  await page.getByText("manyhands.tool('text-spans'").waitFor()
  await hasNoFaults(page)
  await page.getByRole('button', { name: 'Save as code' }).click()
  await page.getByText('Your question is saved.').waitFor()
  const { kind, code } = await saved()
  assert.equal(kind, 'code')
  assert.match(code, /"question": "Who is named\?"/)
})

describe("the owner's page of each template has no accessibility faults and fits its screen", () => {
  const FORMS = [
    { colorScheme: 'light', width: 1280 },
    { colorScheme: 'dark', width: 360 },
  ] as const
  let page: Page

  // One page for all of them, in one form after the other: loading it and signing in take longest.
  before(async () => {
    page = (await openForm(ending, 'image-classification')).page
  })

  for (const { id } of readyTemplates) {
    test(id, async () => {
      const address = new URL(page.url())
      address.searchParams.set('template', id)
      await page.setViewportSize({ width: FORMS[0].width, height: 900 })
      await page.goto(address.href)
      await page.frameLocator('#presenter-frame').locator('.task[data-state=ready]').waitFor()
      for (const { colorScheme, width } of FORMS) {
        await page.emulateMedia({ colorScheme })
        await page.setViewportSize({ width, height: 900 })
        // The preview is looked at with its template's sessions.
        await hasNoFaults(page, { without: '#presenter-frame' })
        const wide = await page.evaluate<number>('document.documentElement.scrollWidth')
        assert.ok(wide <= width, `${wide} pixels wide of ${width}`)
      }
    })
  }
})
