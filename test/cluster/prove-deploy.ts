import { hosts, makeSite, packRelease, runOnNetwork, siteFolder } from './hosts.ts'
import { steps } from './steps.ts'

/**
 * Deploys releases to two application hosts by merging them, good ones and bad ones, while people use the site, from a
 * third host on which the role has installed the deploy server; and prints a table of what was measured and what was
 * allowed.
 *
 * @param args `--keep` leaves the hosts running; `--on` takes those that run already.
 * @returns the exit status.
 */
export async function proveDeploy(args: readonly string[]): Promise<number> {
  const { step, print } = steps()
  await hosts(['check'])
  try {
    const isOn = args.includes('--on')
    const site = isOn ? siteFolder : await provisioned(step)
    await step('Deploys', () => runOnNetwork('deploy-releases.ts', [site, ...(isOn ? ['again'] : [])]))
  } finally {
    if (!args.includes('--keep')) await hosts(['down'])
    print()
  }
  return 0
}

async function provisioned(step: ReturnType<typeof steps>['step']): Promise<string> {
  await step('Packages, once', () => hosts(['base']))
  await step('Release, once', packRelease)
  await step('Bare hosts', () => hosts(['up', 'app1', 'app2', 'deploy']))
  return makeSite('rolling', {
    settings: {
      // The load comes from one address, with one key.
      nginx_unlimited: ['0.0.0.0/0'],
      // What takes the site's webhooks is on the hosts' own network.
      site_settings: { RATE_LIMIT: 'off', PRIVATE_ADDRESSES: '10.0.0.0/8' },
    },
  })
}
