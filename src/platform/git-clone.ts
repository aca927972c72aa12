import { join } from 'node:path'
import type { DeploySettings } from './deploy-config.ts'

/** Runs a program. @throws Error when it fails. */
type Run = (command: readonly [string, ...string[]], env?: NodeJS.ProcessEnv) => Promise<void>

/**
 * The commits that were ever deployed, in one bare clone beside the runs: what was fetched once needs no network again,
 * so that there is a way back while GitHub is away.
 */
export function gitCloneIn(folder: string, { url, environment }: DeploySettings['git'], run: Run) {
  const clone = join(folder, 'repository.git')
  const git = (...args: string[]) => run(['git', '-C', clone, ...args])
  // Under a name of its own, a commit is there whole, and nothing clears it away.
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
      if (isHere) return
      // In the foreground: what git clears away behind its own back would hold the lock of the run.
      const fetch = ['-c', 'gc.autoDetach=false', 'fetch', '--quiet', '--depth=1'] as const
      await run(['git', '-C', clone, ...fetch, url, `${commit}:${nameOf(commit)}`], environment)
    },

    /** Puts the files of a commit that is here into an empty folder, which git takes for a repository of its own. */
    async checkOut(commit: string, into: string): Promise<void> {
      await git('worktree', 'prune')
      await git('worktree', 'add', '--quiet', '--detach', into, commit)
    },
  }
}
