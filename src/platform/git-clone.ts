import { readdir, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { DeploySettings } from './deploy-config.ts'

/** Runs a program. @throws Error when it fails. */
type Run = (command: readonly [string, ...string[]], env?: NodeJS.ProcessEnv) => Promise<void>

/** So many commits stay, those that were needed last; hosts keep fewer. */
const COMMITS_KEPT = 20

/** What goes is cleared away for many at once: it takes a while. */
const COMMITS_MAX = 2 * COMMITS_KEPT

/**
 * The commits that were deployed last, in one bare clone beside the runs: what was fetched once needs no network again,
 * so that there is a way back while GitHub is away.
 */
export function gitCloneIn(folder: string, { url, environment }: DeploySettings['git'], run: Run) {
  const clone = join(folder, 'repository.git')
  const git = (...args: string[]) => run(['git', '-C', clone, ...args])
  // Under a name of its own, a commit is there whole, and nothing clears it away; each in a file, whose time is that of its use.
  const nameOf = (commit: string) => `refs/releases/${commit}`

  return {
    /** Fetches a commit, unless it is here, or there is none. */
    async fetch(commit: string): Promise<void> {
      if (commit === '') return
      await run(['git', 'init', '--quiet', '--bare', clone])
      const isHere = await git('show-ref', '--verify', '--quiet', nameOf(commit)).then(
        () => true,
        () => false,
      )
      // What git clears away behind its own back would hold the lock of the run.
      const fetch = ['-c', 'maintenance.auto=false', 'fetch', '--quiet', '--depth=1'] as const
      if (!isHere) await run(['git', '-C', clone, ...fetch, url, `${commit}:${nameOf(commit)}`], environment)
      const now = new Date()
      await utimes(join(clone, nameOf(commit)), now, now)
    },

    /** Forgets the commits that were needed longest ago, when there are many. Nothing depends on it: it is tried again. */
    async tidy(): Promise<void> {
      const names = join(clone, nameOf(''))
      const used = async (name: string) => ({ name, at: (await stat(join(names, name))).mtimeMs })
      try {
        const commits = await Promise.all((await readdir(names)).map(used))
        if (commits.length <= COMMITS_MAX) return
        commits.sort((one, other) => other.at - one.at)
        for (const { name } of commits.slice(COMMITS_KEPT)) await git('update-ref', '-d', nameOf(name))
        await git('-c', 'gc.packRefs=false', 'gc', '--quiet', '--prune=now')
      } catch {
        // The disk may be full, or somebody else at work on it.
      }
    },

    /** Puts the files of a commit that is here into an empty folder, which git takes for a repository of its own. */
    async checkOut(commit: string, into: string): Promise<void> {
      await git('worktree', 'prune')
      await git('worktree', 'add', '--quiet', '--detach', into, commit)
    },
  }
}
