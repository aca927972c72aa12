import assert from 'node:assert/strict'
import { chosen } from './chosen.ts'
import { appDrills } from './drills-app.ts'
import { runDrills, said } from './drills.ts'
import {
  DOMAIN,
  floatingAddress,
  hosts,
  hostsOf,
  makeSite,
  packRelease,
  provision,
  readAuthority,
  siteFolder,
  useSite,
} from './hosts.ts'

/**
 * Proves all of the ha profile but its databases: provisions five hosts, then breaks, adds and removes them while pages
 * are asked for.
 *
 * @param args `--keep` leaves the hosts running; `--drills` takes those that run; other words choose drills by their names.
 * @returns the exit status.
 */
export async function proveSpread(args: readonly string[]): Promise<number> {
  await hosts(['check'])
  try {
    const words = args.filter((arg) => !arg.startsWith('--'))
    const drills = words.reduce((some, word) => chosen(some, word), appDrills)
    await packRelease()
    const site = args.includes('--drills') ? siteFolder : await provisioned()
    const [app = ''] = hostsOf(site, 'app')
    const [database = ''] = hostsOf(site, 'databases')
    return await runDrills(drills, {
      folder: site,
      domain: DOMAIN,
      authority: await readAuthority(app, site),
      writers: () => Promise.resolve([database]),
      sql: (query) =>
        said(database, `cd / && runuser -u postgres -- psql -qXAt manyhands <<'QUERY'\n${query}\nQUERY`),
    })
  } finally {
    if (!args.includes('--keep')) await hosts(['down'])
  }
}

async function provisioned(): Promise<string> {
  await hosts(['up', 'r1', 'r2', 'r3', 'app1', 'app2'])
  const site = await makeSite('spread', {
    settings: { site_floating_address: `${floatingAddress}/24`, site_settings: { RATE_LIMIT: 'off' } },
  })
  const began = performance.now()
  await provision(site)
  console.log(`Provisioned in ${((performance.now() - began) / 1000).toFixed(0)} s`)
  assert.equal(await provision(site), 0, 'a second run changes nothing')
  for (const host of hostsOf(site, 'app')) await useSite(host, DOMAIN, site)
  return site
}
