import { parseArgs } from 'node:util'
import { parseVariables } from '../../platform/config.ts'
import { ReleaseName } from '../../platform/release.ts'
import { SwitchVariables, switchHost } from '../local/host-switch.ts'
import { releasesIn } from '../local/releases.ts'
import { UsageError } from './command.ts'
import type { Command } from './command.ts'
import { changeHost } from './host-change.ts'

/** The last part of an upgrade, for a release that is on the host already: what playbooks do on each host. */
export const switchCommand: Command = {
  name: 'switch',
  usage: 'switch RELEASE [--root FOLDER]',
  summary:
    'Lets this host run a release that is on it, process by process, and takes it back when it does not work.',
  run(args, env) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { root: { type: 'string' } },
    })
    const [name, ...more] = positionals
    const release = ReleaseName.safeParse(name)
    if (!release.success || more.length > 0) throw new UsageError('Name one release by its commit.')
    const settings = parseVariables(SwitchVariables, env)
    return changeHost(values.root, async (root) => {
      const releases = releasesIn(root)
      await switchHost(releases, release.data, settings)
      await releases.prune()
      return `This host runs ${release.data.slice(0, 7)}.`
    })
  },
}
