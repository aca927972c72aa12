import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Route } from 'playwright-core'
import { startTestApp } from '../support/app.ts'
import { rowsOf } from '../support/builders.ts'
import { startChromium } from '../support/chromium.ts'
import { ANSWERING, contributeByCode } from '../support/contribution.ts'
import { startCutNetwork } from '../support/cut-network.ts'

/** How long the network is away: a moment in the test suite, and the whole minute with CUT_MS=60000. */
const CUT_MS = Number(process.env['CUT_MS'] ?? 3_000)
const TASKS = 9
/** The task with whose task run on its way the network goes. */
const CUT_AT = 4

test('with the network cut in mid-session no task run is lost, none is double, and the volunteer knows', async (t) => {
  const network = await startCutNetwork(t)
  const siteUrl = `http://localhost:${network.port}`
  const site = await startTestApp(t, { SITE_URL: siteUrl })
  network.leadTo(site.app.config.http.port)
  const browser = await startChromium(t)
  const infos = Array.from({ length: TASKS }, (_, index) => ({ n: index + 1 }))
  const { frame, page, project } = await contributeByCode(
    t,
    site,
    browser,
    `${ANSWERING} pybossa.run('birds')`,
    '',
    { infos, siteUrl },
  )
  const saveState = page.locator('#save-state')
  let before = 'nothing yet'
  // In whatever order they come: after the cut the site hands out what it has not seen an answer to.
  const answer = async () => {
    await frame
      .locator('#shown')
      .filter({ hasText: /^Task \d/, hasNotText: before })
      .waitFor({ timeout: 60_000 })
    before = /Task \d+/.exec(await frame.locator('#shown').innerText())?.[0] ?? ''
    await frame.getByRole('button', { name: 'Yes' }).click()
  }

  for (let n = 1; n < CUT_AT; n += 1) await answer()
  await page.getByText(`${CUT_AT - 1} answers from you`).waitFor()
  // The site has this one when the network goes; its reply does not get through any more.
  const loseReply = async (route: Route) => {
    await route.fetch()
    network.cut()
    await route.abort()
  }
  await page.route('**/api/taskrun*', loseReply, { times: 1 })
  await answer()
  const began = performance.now()
  await page.getByText('1 answer waiting to be sent').waitFor()
  // The next task was there already.
  await answer()
  await page.getByText('2 answers waiting to be sent').waitFor()
  await page.getByText('The connection is lost. Trying again…').waitFor()

  const states = new Set<string | null>()
  while (performance.now() - began < CUT_MS) {
    states.add(await saveState.getAttribute('data-state'))
    await sleep(100)
  }
  const storedThen = await counts()
  const cutFor = Math.round(performance.now() - began)
  network.mend()
  for (let n = CUT_AT + 2; n <= TASKS; n += 1) await answer()
  await page.locator('#status-line').waitFor({ state: 'hidden' })
  await page.locator('#finished-panel').waitFor()
  await page.locator('#save-state[data-state="saved"]').waitFor({ timeout: 90_000 })
  assert.equal(await page.locator('#own-count').innerText(), `${TASKS} answers from you`)

  const stored = await counts()
  t.diagnostic(
    `network cut for ${cutFor} ms: ${storedThen.runs} of ${CUT_AT + 1} stored then; ` +
      `in the end ${TASKS - stored.tasks} lost, ${stored.runs - stored.tasks} double; shown meanwhile: ${[...states].join()}`,
  )
  assert.deepEqual(stored, { runs: TASKS, tasks: TASKS })
  for (const state of states) assert.ok(state === 'waiting' || state === 'saving', String(state))

  async function counts(): Promise<{ runs: number; tasks: number }> {
    const [row] = await rowsOf<{ runs: number; tasks: number }>(
      site,
      'select count(*)::int as runs, count(distinct task_id)::int as tasks from task_run where project_id = $1',
      [project.id],
    )
    return row ?? { runs: 0, tasks: 0 }
  }
})
