import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'
import { createDeployHttp } from '../../src/deploy/page/server.ts'
import { webhookRoutes } from '../../src/deploy/webhooks.ts'
import { loadAssets } from '../../src/http/assets.ts'
import { createLogger } from '../../src/platform/log.ts'
import { createSealer } from '../../src/platform/sealing.ts'
import { startChromium } from '../support/chromium.ts'
import { PASSWORD, deployParts, deployScene, playbooks } from '../support/deploy-server.ts'
import { assetsFolder } from '../support/servers.ts'

const OVERFLOW = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
const SHOTS = process.env['SHOTS']

test('an operator signs in, follows a deploy as it runs, and its pages are accessible at every size', async (t) => {
  const scene = await deployScene(t)
  const { github, folder } = scene
  const parts = deployParts(t, scene)
  const { store, until } = parts
  const server = await createDeployHttp({
    ...parts,
    sealer: createSealer([{ id: 'test', key: Buffer.alloc(32, 3) }]),
    log: createLogger('deploy', 'silent'),
    assets: await loadAssets(await assetsFolder()),
    webhooks: webhookRoutes(parts.settings, store, () => undefined),
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const gate = join(folder, 'gate')
  const wait = `while [ ! -e ${gate} ]; do sleep 0.1; done`
  const deploy = `echo "PLAY [Migrate] ***"; echo "PLAY [app1] ***"; echo before; ${wait}; echo after`
  const sha = github.commit(
    'Show how far each bear is, and say it in words for those who cannot see it',
    playbooks({ deploy }),
  )
  github.check(sha, 'success')
  await until(1, 'running')
  const isDone = until(1, 'success')
  const browser = await startChromium(t)
  const page = await (await browser.newContext()).newPage()

  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/deploys/1`)
  await check(page, 'sign-in')
  await page.getByLabel('Name').fill('olga')
  await page.getByLabel('Password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: /^Deploy 1/ }).waitFor()
  await page.getByText('before').waitFor()
  await check(page, 'running')
  writeFileSync(gate, '')
  await Promise.all([page.getByText('after').waitFor(), isDone])
  await page.getByRole('button', { name: /^Deploy \w{7} again$/ }).waitFor()

  const bad = github.commit(
    'Break it',
    playbooks({ verify: 'echo "fatal: [app2]: FAILED! 14 of 20 requests failed"; exit 1' }),
  )
  github.check(bad, 'success')
  parts.deployer.wake()
  await until(2, 'rolled_back')
  const back = store.add({ kind: 'rollback', sha, who: 'olga', title: 'Back', cause: 'page' })
  store.breakDown({ id: back, state: 'received' }, 'The rollback failed: app1 is not there.')
  store.set('trouble', 'Bad credentials - https://docs.github.com/rest')
  await page.goto(page.url().replace(/1$/, '2'))
  await check(page, 'rolled-back')
  await page.getByRole('link', { name: 'Deploys' }).click()
  await page.getByRole('alert').waitFor()
  await check(page, 'list')
  await page.getByRole('button', { name: /unlock/ }).click()
  await page.getByRole('alert').waitFor({ state: 'detached' })
})

/** Nothing that axe finds, nothing that leaves the screen, on a screen by day and on a telephone by night. */
async function check(page: Page, name: string): Promise<void> {
  for (const [width, colorScheme] of [
    [1280, 'light'],
    [360, 'dark'],
  ] as const) {
    await page.setViewportSize({ width, height: 740 })
    // Colours change at once then.
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    const { violations } = await new AxeBuilder({ page }).analyze()
    assert.deepEqual(
      violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ''}`),
      [],
      `${name} ${width} ${colorScheme}`,
    )
    const overflow = await page.evaluate(OVERFLOW)
    assert.equal(overflow, 0, `${name} is wider than ${width} pixels`)
    if (SHOTS !== undefined)
      await page.screenshot({ path: `${SHOTS}/${name}-${width}-${colorScheme}.png`, fullPage: true })
  }
}
