import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DOMAIN, ask, hosts, packRelease, siteFolder, useSite } from './hosts.ts'
import { commandsOf, typeOn } from './runbook.ts'
import { steps } from './steps.ts'

const HOST = 'site'
const PAGE = 'install-single.md'
/** The smallest host that the page promises to be enough. */
const SMALL = { CLUSTER_MEMORY_MB: '1024', CLUSTER_CORES: '1' }
/** It sees the whole machine's memory and cores, and is to reckon with its own. */
const FACTS = `--extra-vars '${JSON.stringify({ ansible_memtotal_mb: 1024, ansible_processor_vcpus: 1 })}'`
const PACKED = resolve('.data/releases')

/**
 * Installs a site on a host of one core and 1 GB of memory, with Ansible on the host itself, by typing what the page of
 * operations says, and uses it. The release was packed elsewhere: hosts here have no way to npm's packages.
 *
 * @param args `--keep` leaves the host running.
 * @returns the exit status.
 */
export async function proveItself(args: readonly string[]): Promise<number> {
  const { step, print } = steps()
  const run = commandsOf(PAGE, '**The run.**', { 'site.yml': `site.yml ${FACTS}` })
  await hosts(['check'])
  try {
    await step('Packages, once', () => hosts(['base']))
    await step('Release, once', packRelease)
    await step('A bare host', () => hosts(['up', HOST], SMALL))
    await step('What it would fetch', bringSources)
    await step('Install', () =>
      type('/root', [
        ...commandsOf(PAGE, 'as root or as somebody who may become it.', {
          'apt-get install': 'apt-get install --yes',
          'THE-REPOSITORY': '/root/fetched/repository',
        }),
        'mkdir .data && mv /root/fetched/releases .data/',
        ...commandsOf(PAGE, "**The site's folder.**"),
        ...run,
      ]),
    )
    await step('Use the site', () => useSite(HOST, DOMAIN, siteFolder))
    await step('Run again', async () => {
      const said = await ask(['exec', HOST, 'bash', '-c', `cd /root/manyhands && ${run.join(' && ')}`])
      assert.match(said, / changed=0 .* failed=0 /, 'a second run changes nothing')
    })
    const used = await ask(['status'])
    console.log(used)
    assert.match(used, /, 0 ended for want of memory/)
  } finally {
    if (!args.includes('--keep')) await hosts(['down'])
    print()
  }
  return 0
}

/** Types commands one after the other in a shell of the host, which ends with the first that fails. */
const type = (folder: string, commands: readonly string[]) =>
  typeOn(HOST, ['set -e', `cd ${folder}`, ...commands].join('\n'))

/** Leaves the repository and the packed release on the host. */
async function bringSources(): Promise<void> {
  mkdirSync(siteFolder, { recursive: true })
  const fetched = join(siteFolder, 'fetched')
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim()
  rmSync(fetched, { recursive: true, force: true })
  git('clone', '--quiet', '--bare', '.', join(fetched, 'repository'))
  const sums = `release-${git('rev-parse', 'HEAD')}.sha256`
  const names = [sums, ...(readFileSync(join(PACKED, sums), 'utf8').match(/\S+[.]tar[.]zst/g) ?? [])]
  mkdirSync(join(fetched, 'releases'))
  execFileSync('cp', [...names.map((name) => join(PACKED, name)), join(fetched, 'releases')])
  const config = join(siteFolder, 'ssh_config')
  writeFileSync(config, await ask(['ssh-config']))
  await hosts(['net', 'scp', '-qr', '-F', config, fetched, `${HOST}:/root/`])
  rmSync(fetched, { recursive: true })
}
