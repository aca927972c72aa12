import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestApp } from '../support/app.ts'
import { publishedProject, rowsOf } from '../support/builders.ts'
import { startChromium } from '../support/chromium.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { openAsOwner } from '../support/owner-page.ts'
import { waitForReplica } from '../support/servers.ts'

const ending = untilFileEnds()
const [site, browser] = await Promise.all([startTestApp(ending), startChromium(ending)])

/** How far a page, or a table on it, is wider than its place: in pixels, by what is too wide. */
const TOO_WIDE = `[document.documentElement, ...document.querySelectorAll('.table-box')]
  .map((part) => [part.className || part.localName, part.scrollWidth - part.clientWidth])
  .filter(([name, pixels]) => pixels > (name === 'table-box' ? 360 : 0))`

test('names and descriptions of one long word leave every page as wide as a phone', async (t) => {
  const word = 'Donaudampfschifffahrtsgesellschaft'.repeat(8).slice(0, 255)
  const owner = await site.user()
  const { shortName, taskIds } = await publishedProject(site, owner, { tasks: 2 })
  await rowsOf(site, 'update project set name = $1, description = $1, long_description = $1', [word])
  await rowsOf(site, 'update user_account set full_name = $1', [word.slice(0, 35)])
  await rowsOf(
    site,
    `insert into mail (recipient, subject, text_body, html_body) values ($1, $2, $2, '<p>x</p>')`,
    [`${owner.name}@example.org`, `Your export of ${word} is ready`],
  )
  await rowsOf(site, 'update api_key set name = $1', [word.slice(0, 60)])
  await owner.http
    .post(`/project/${shortName}/tasks/export`)
    .type('form')
    .send({ type: 'task', format: 'csv' })
    .expect(302)
  await waitForReplica()

  const own = `/project/${shortName}/`
  const workbench = [
    'tasks/',
    'tasks/browse',
    `tasks/${taskIds[0]}`,
    'tasks/import',
    'tasks/export',
    'answers',
  ]
  const paths = [
    ...['/', '/project/', own, `${own}newtask`, '/account/projects', '/account/profile', '/account/mail'],
    ...['/account/keys', `/account/${owner.name}/resetapikey`, `${own}resetsecretkey`, '/help/api'],
    ...[...workbench, 'tasks/taskpresentereditor', 'update'].map((path) => own + path),
  ]
  const viewport = { width: 360, height: 740 }
  const page = await openAsOwner(t, { site, browser, owner }, '/', { viewport })
  for (const path of paths) {
    const response = await page.goto(site.url + path)
    assert.equal(response?.status(), 200, path)
    assert.deepEqual(await page.evaluate(TOO_WIDE), [], path)
  }
})
