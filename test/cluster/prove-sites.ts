import assert from 'node:assert/strict'
import { dirname, join } from 'node:path'
import { changeInventory, hosts, makeSite, packRelease, provision, siteFolder, useSite } from './hosts.ts'
import { said } from './drills.ts'

const SITES = ['red', 'blue']
/** The second site keeps its backups on a host of its own, and has no Patroni all the same. */
const KEEPER = 'keeper'

/**
 * Provisions two sites from one commit side by side: each is a folder of its own, with hosts, names and secrets of its own.
 *
 * @param args `--keep` leaves the hosts running.
 * @returns the exit status.
 */
export async function proveSites(args: readonly string[]): Promise<number> {
  await hosts(['check'])
  try {
    await packRelease()
    await hosts(['base'])
    await hosts(['up', ...SITES, KEEPER])
    const folders = await Promise.all(SITES.map(makeOne))
    await Promise.all(folders.map((folder) => provision(folder)))
    const changed = await Promise.all(folders.map((folder) => provision(folder)))
    assert.deepEqual(changed, [0, 0], 'a second run changes nothing')
    for (const [n, name] of SITES.entries()) await useSite(name, `${name}.example`, folders[n] ?? '')
    const secrets = await Promise.all(SITES.map((name) => said(name, 'cat /etc/manyhands/app-keys.json')))
    assert.equal(new Set(secrets).size, SITES.length, 'each site has keys of its own')
    const releases = await Promise.all(SITES.map((name) => said(name, 'readlink /opt/manyhands/current')))
    assert.equal(new Set(releases).size, 1, 'both run the same release')
    console.log(await said(KEEPER, 'manyhands-restore-drill'))
    console.log(`${SITES.join(' and ')}: two sites from ${releases[0] ?? ''}`)
    return 0
  } finally {
    if (!args.includes('--keep')) await hosts(['down'])
  }
}

async function makeOne(name: string): Promise<string> {
  const folder = await makeSite('single', {
    folder: join(dirname(siteFolder), name),
    settings: {
      site_domain: `${name}.example`,
      site_name: name,
      site_presenter_host: `presenters.${name}.example`,
    },
  })
  await changeInventory(folder, ({ all }) => {
    all.hosts = { [name]: all.hosts['site'] ?? {} }
    for (const group of Object.values(all.children))
      if (group?.hosts && 'site' in group.hosts) group.hosts = { [name]: group.hosts['site'] }
    if (name === SITES.at(-1)) {
      all.hosts[KEEPER] = {}
      all.children['backup'] = { hosts: { [KEEPER]: null } }
    }
  })
  return folder
}
