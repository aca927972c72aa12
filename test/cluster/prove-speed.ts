import { loadavg } from 'node:os'
import { dirname, join } from 'node:path'
import { HaSite } from './ha-site.ts'
import {
  DOMAIN,
  NETWORK,
  addressOf,
  floatingAddress,
  hosts,
  makeSite,
  provision,
  readAuthority,
  runOnNetwork,
  siteFolder,
} from './hosts.ts'
import { ALL_HOSTS, provisionHa } from './prove-ha.ts'
import { steps } from './steps.ts'

/** They take turns, since the machine has other things to do at one time than at another. */
const ROUNDS = 2

/**
 * Prints how many answers a second the ha profile takes, each written down by a second host before it is acknowledged,
 * beside the single profile. All hosts share this machine's cores, so that several are no faster than one here.
 *
 * @param args `--on` takes the hosts of the ha profile that run already; `--keep` leaves all running.
 * @returns the exit status.
 */
export async function proveSpeed(args: readonly string[]): Promise<number> {
  const { step, print } = steps()
  await hosts(['check'])
  try {
    const ha = args.includes('--on') ? siteFolder : await provisionHa(ALL_HOSTS, step)
    const site = new HaSite(ha)
    const single = await step('One host', provisionSingle)
    const profiles = [
      { name: 'ha', address: floatingAddress, authority: await readAuthority('app1', ha) },
      { name: 'single', address: await addressOf(HOST), authority: await readAuthority(HOST, single) },
    ]
    console.log(`\n${await site.synchronous()} is waited for in the ha profile`)
    const lines: string[] = []
    for (let round = 0; round < ROUNDS; round += 1)
      for (const { name, address, authority } of profiles) {
        const said = await runOnNetwork('speed.ts', [address, DOMAIN, authority])
        lines.push(`${name.padEnd(7)} ${said.trim()}, machine's load ${(loadavg()[0] ?? 0).toFixed(0)}`)
      }
    console.log(`\n${lines.join('\n')}`)
    return 0
  } finally {
    if (!args.includes('--keep')) await hosts(['down'])
    print()
  }
}

const HOST = 'site'

async function provisionSingle(): Promise<string> {
  await hosts(['up', HOST])
  const folder = await makeSite('single', {
    folder: join(dirname(siteFolder), 'single'),
    settings: { site_settings: { RATE_LIMIT: 'off' }, nginx_unlimited: [`${NETWORK}.0/24`] },
  })
  await provision(folder)
  return folder
}
