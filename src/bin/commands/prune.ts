import { parseArgs } from 'node:util'
import { releasesIn } from '../local/releases.ts'
import type { Command } from './command.ts'
import { changeHost } from './host-change.ts'

/** What a switch does at its end, for a host whose releases are switched by something else. */
export const pruneCommand: Command = {
  name: 'prune',
  usage: 'prune [--root FOLDER]',
  summary: 'Removes releases of this host that are kept no longer: five stay.',
  run(args) {
    const { values } = parseArgs({ args: [...args], options: { root: { type: 'string' } } })
    return changeHost({ root: values.root, waitMs: 0 }, async (root) => {
      const removed = await releasesIn(root).prune()
      return `Removed: ${removed.join(', ') || 'none'}.`
    })
  },
}
