import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { hosts, makeSite, packRelease, provision } from './hosts.ts'

const DOMAIN = 'manyhands.example'

/**
 * Deploys releases to a Debian host by merging them, good ones and bad ones, while people use the site, and prints a
 * table of what was measured and what was allowed.
 *
 * @param args `--keep` leaves the host running.
 * @returns the exit status.
 */
export async function proveDeploy(args: readonly string[]): Promise<number> {
  await hosts(['check'])
  try {
    await hosts(['base'])
    await packRelease()
    await hosts(['up', 'site'])
    const site = await makeSite('single')
    const [, address = ''] = /^Host site\n {2}HostName (\S+)$/m.exec(await hosts(['ssh-config'])) ?? []
    // The load comes from one address, with one key.
    const settings = {
      nginx_unlimited: ['0.0.0.0/0'],
      site_settings: { RATE_LIMIT: 'off' },
      site_web_processes: 2,
      ansible_host: address,
    }
    writeFileSync(join(site, 'group_vars/all/load.yml'), stringify(settings))
    await provision(site)
    const authority = join(site, 'authority.crt')
    writeFileSync(authority, await hosts(['exec', 'site', 'cat', '/etc/manyhands/tls/authority.crt']))
    await hosts(
      ['net', process.execPath, 'test/cluster/deploy-releases.ts', address, DOMAIN, authority, site],
      { PROVED_COMMIT: execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim() },
    )
  } finally {
    if (!args.includes('--keep')) await hosts(['down'])
  }
  return 0
}
