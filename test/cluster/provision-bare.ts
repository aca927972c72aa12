import assert from 'node:assert/strict'
import { ask, hosts, makeSite, packRelease, provision } from './hosts.ts'
import type { SiteChanges } from './hosts.ts'
import type { steps } from './steps.ts'

/** What nginx has not got of what it needs, such as room for its connections. */
const NGINX_ALERTS = String.raw`grep -hs '\[\(alert\|emerg\)\]' /var/log/nginx/error.log || true`

/**
 * Brings bare hosts to a site of a profile, and looks whether it stays as it is.
 *
 * @returns its folder.
 * @throws AssertionError when a second run, or check mode, would change something, or nginx lacks something.
 */
export async function provisionBare(
  profile: string,
  names: readonly string[],
  step: ReturnType<typeof steps>['step'],
  changes: SiteChanges = {},
): Promise<string> {
  await step('Packages, once', () => hosts(['base']))
  await step('Release, once', packRelease)
  await step('Bare hosts', () => hosts(['up', ...names]))
  const site = await makeSite(profile, changes)
  await step('Provision', () => provision(site))
  await step('What nginx says', async () => {
    for (const name of names) assert.equal(await ask(['exec', name, 'bash', '-c', NGINX_ALERTS]), '', name)
  })
  await step('Provision again', async () => {
    assert.equal(await provision(site), 0, 'a second run changes nothing')
  })
  await step('Check mode', async () => {
    assert.equal(await provision(site, ['--check', '--diff']), 0, 'check mode finds nothing to change')
  })
  return site
}
