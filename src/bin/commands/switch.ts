import { parseArgs } from 'node:util'
import { messageOf } from '../../lib/errors.ts'
import { loadConfig, parseVariables } from '../../platform/config.ts'
import { ReleaseName } from '../../platform/release.ts'
import { SwitchVariables, switchHost } from '../local/host-switch.ts'
import { releasesIn } from '../local/releases.ts'
import { STATUS, UsageError } from './command.ts'
import type { Command } from './command.ts'
import { changeHost, rootFolder } from './host-change.ts'
import { schemaTrouble } from './prepare.ts'

/**
 * A change that a cut-off run of a playbook has begun goes on by itself. Whoever goes back then waits for its end, in
 * milliseconds.
 */
const WAIT_MS = 180_000

/** The last part of an upgrade, for a release that is on the host already: what playbooks do on each host. */
export const switchCommand: Command = {
  name: 'switch',
  usage: 'switch RELEASE [--root FOLDER]',
  summary:
    'Lets this host run a release that is on it, process by process, and takes it back when it does not work.',
  run(args, env) {
    const { release, root: given } = parse(args)
    const settings = parseVariables(SwitchVariables, env)
    const { directUrl } = loadConfig(env).database
    return changeHost({ root: given, waitMs: WAIT_MS }, async (root) => {
      const releases = releasesIn(root)
      // A database that is away keeps nobody from going back.
      const trouble = await schemaTrouble(directUrl, releases, release).catch((error: unknown) => {
        console.error(`Whether it fits the schema could not be asked: ${messageOf(error)}`)
      })
      if (trouble !== undefined) throw new Error(trouble)
      await switchHost(releases, release, settings)
      await releases.prune()
      return `This host runs ${release.slice(0, 7)}.`
    })
  },
}

/** What playbooks ask before they touch any host. */
export const fitsCommand: Command = {
  name: 'fits',
  usage: 'fits RELEASE [--root FOLDER]',
  summary: 'Says whether a release that is on this host can run on the schema that the database has.',
  async run(args, env) {
    const { release, root } = parse(args)
    const { directUrl } = loadConfig(env).database
    const trouble = await schemaTrouble(directUrl, releasesIn(rootFolder(root)), release)
    if (trouble === undefined) console.log('It fits.')
    else console.error(trouble)
    return trouble === undefined ? STATUS.good : STATUS.bad
  },
}

function parse(args: readonly string[]): { release: string; root: string | undefined } {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { root: { type: 'string' } },
  })
  const [name, ...more] = positionals
  const release = ReleaseName.safeParse(name)
  if (!release.success || more.length > 0) throw new UsageError('Name one release by its commit.')
  return { release: release.data, root: values.root }
}
