import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { startTestApp } from '../support/app.ts'
import type { TestApp, TestUser } from '../support/app.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { startChromium } from '../support/chromium.ts'
import { pictureTask } from '../support/contribution.ts'
import { draftProject } from '../support/builders.ts'
import { openAsOwner } from '../support/owner-page.ts'
import { BIRDS, buildPresenterProject } from '../support/presenter-project.ts'

const ending = untilFileEnds()
let site: TestApp
let browser: Browser

before(async () => {
  ;[site, browser] = await Promise.all([startTestApp(ending), startChromium(ending)])
})

function openEditor(t: TestContext, shortName: string, owner: TestUser, query = ''): Promise<Page> {
  const path = `/project/${shortName}/tasks/taskpresentereditor${query}`
  return openAsOwner(t, { site, browser, owner }, path)
}

test('an owner sees what is typed at once, on own tasks, and nothing is saved', async (t) => {
  const { project, owner, stored } = await buildPresenterProject(site, BIRDS, [1, 2].map(pictureTask))
  const page = await openEditor(t, project.shortName, owner)
  const frame = page.frameLocator('#presenter-frame')
  await frame.getByRole('img', { name: 'Picture 1', exact: true }).waitFor()
  await page.getByLabel('Question', { exact: true }).fill('Is it a planet?')
  await page.getByLabel('Answer choices').fill('Planet\nStar')
  await frame.getByText('Is it a planet?').waitFor()
  await frame.getByRole('button', { name: 'Star' }).click()
  await frame.getByRole('img', { name: 'Picture 2', exact: true }).waitFor()
  await page.getByText('Preview: this answer is not saved.').waitFor()
  await frame.getByRole('button', { name: 'Planet' }).click()
  await frame.getByRole('img', { name: 'Picture 1', exact: true }).waitFor()

  await page.getByLabel('Column with the picture').selectOption('alt')
  await frame.getByText('The picture could not be loaded.').waitFor()
  assert.deepEqual(await stored(), [])
})

test('without tasks the preview shows samples, which can be added to the project', async (t) => {
  const owner = await site.user()
  const { shortName } = await draftProject(site, owner, { tasks: 0 })
  const page = await openEditor(t, shortName, owner)
  const frame = page.frameLocator('#presenter-frame')
  await frame.getByRole('img', { name: 'Galaxy 1', exact: true }).waitFor()
  await page.keyboard.press('1')
  await frame.getByRole('img', { name: 'Galaxy 2', exact: true }).waitFor()
  await page.getByRole('button', { name: 'Add the 4 sample tasks' }).click()
  await page.getByText('4 sample tasks added.').waitFor()
  await page.getByText('With your own tasks.').waitFor()
  await frame.getByRole('img', { name: 'Galaxy 1', exact: true }).waitFor()
})

test('samples can be tried although there are other tasks, whatever columns these have', async (t) => {
  const { project, owner } = await buildPresenterProject(site, BIRDS, [pictureTask(1)])
  const page = await openEditor(t, project.shortName, owner, '?template=comparison')
  const frame = page.frameLocator('#presenter-frame')
  await frame.getByText('This task has no picture.').waitFor()
  await page.getByRole('link', { name: 'Try with sample tasks' }).click()
  await frame.getByRole('img', { name: 'Galaxy 2', exact: true }).waitFor()
})
