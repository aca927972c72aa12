import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestApp } from '../../support/app.ts'
import { startChromium } from '../../support/chromium.ts'
import { contribute } from '../../support/contribution.ts'

interface SpokenNode {
  role?: { value: string }
  name?: { value: string }
  description?: { value: string }
  ignored: boolean
}

test('a screen reader finds every marked passage in the text, with its label', async (t) => {
  const [site, browser] = await Promise.all([
    startTestApp(t),
    startChromium(t, '--disable-features=IsolateOrigins,site-per-process'),
  ])
  const settings = {
    question: 'Who is named?',
    textColumn: 'text',
    labels: ['Person', 'Place'],
    mayBeNone: false,
  }
  const presenter = { kind: 'template', template: 'text-spans', settings, tutorial: null } as const
  const { frame, page } = await contribute(t, site, browser, {
    presenter,
    infos: [{ text: 'Anna went to Paris.' }],
  })
  await frame.locator('.word', { hasText: 'Anna' }).click()
  await frame.locator('.word', { hasText: 'Anna' }).click()
  await frame.getByRole('button', { name: 'Remove Person: Anna' }).waitFor()

  const inner = page.frames().find((each) => each.parentFrame() !== null)
  assert.ok(inner)
  const session = await page.context().newCDPSession(inner)
  const { nodes } = (await session.send('Accessibility.getFullAXTree')) as { nodes: SpokenNode[] }
  const marks = nodes.filter(({ role }) => role?.value === 'mark')
  assert.deepEqual(
    marks.map(({ name, description }) => [name?.value, description?.value]),
    [['', 'Person']],
  )
  await frame.getByRole('application', { name: 'Text' }).press('Home')
  await frame
    .getByRole('status')
    .filter({ hasText: /^Anna, Person$/ })
    .waitFor({ state: 'attached' })
  await frame.getByRole('button', { name: 'Remove Person: Anna' }).click()
  assert.equal(await frame.locator('[role=mark]').count(), 0)
})
