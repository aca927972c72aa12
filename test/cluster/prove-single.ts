import assert from 'node:assert/strict'
import { DOMAIN, hosts, makeSite, packRelease, provision, useSite } from './hosts.ts'
import { steps } from './steps.ts'
import { upgradeHost } from './upgrade-host.ts'

/**
 * Brings a bare Debian host to a working site with the single profile, uses it and restores its backup, and prints how
 * long each step took.
 *
 * @param args `--upgrade` upgrades it to good and bad releases as well; `--keep` leaves the host running.
 * @returns the exit status.
 */
export async function proveSingle(args: readonly string[]): Promise<number> {
  const { step, print } = steps()
  await hosts(['check'])
  try {
    await step('Packages, once', () => hosts(['base']))
    await step('Release, once', packRelease)
    await step('A bare host', () => hosts(['up', 'site']))
    const site = await makeSite('single')
    await step('Provision', () => provision(site))
    await step('Provision again', async () => {
      assert.equal(await provision(site), 0, 'a second run changes nothing')
    })
    await step('Check mode', async () => {
      assert.equal(await provision(site, ['--check', '--diff']), 0, 'check mode finds nothing to change')
    })
    await step('Use the site', () => useSite('site', DOMAIN, site))
    await step('Restore drill', () => hosts(['exec', 'site', 'manyhands-restore-drill']))
    if (args.includes('--upgrade')) await step('Upgrade, and back', () => upgradeHost('site', site))
  } finally {
    if (!args.includes('--keep')) await hosts(['down'])
    print()
  }
  return 0
}
