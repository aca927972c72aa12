import { existsSync } from 'node:fs'
import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  utimes,
} from 'node:fs/promises'
import { basename, join } from 'node:path'
import { RELEASE_FILE, ReleaseName } from '../../platform/release.ts'
import { runProgram } from './run-program.ts'

/** A release that was taken back is not worth more than one that ran: the newest by when they were unpacked stay. */
const KEPT = 5

export type Releases = ReturnType<typeof releasesIn>

/**
 * The releases on a host: `releases/<commit>` for each, and the link `current` to the one that runs.
 *
 * @param root the folder of both.
 */
export function releasesIn(root: string) {
  const link = join(root, 'current')
  const folder = join(root, 'releases')
  const folderOf = (release: string) => join(folder, release)

  return {
    folderOf,

    /** The release that the link leads to; undefined before the first. */
    async current(): Promise<string | undefined> {
      return existsSync(link) ? basename(await readlink(link)) : undefined
    },

    /**
     * Unpacks an archive, unless its release is there already.
     *
     * @returns its release. @throws Error when the archive is none of `manyhands release`.
     */
    async unpack(archive: string): Promise<string> {
      await mkdir(folder, { recursive: true })
      await chmod(folder, 0o755)
      const making = await mkdtemp(join(folder, '.unpacking-'))
      try {
        await runProgram('tar', [
          '--extract',
          '--gzip',
          '--no-same-owner',
          '--same-permissions',
          '--file',
          archive,
          '--directory',
          making,
        ])
        const release = ReleaseName.safeParse(
          (await readFile(join(making, RELEASE_FILE), 'utf8').catch(() => '')).trim(),
        )
        if (!release.success)
          throw new Error(
            'This archive is none of “manyhands release”: it does not say of which commit it is.',
          )
        // The service's account, which is another one than whoever upgrades, reads it.
        await chmod(making, 0o755)
        if (!existsSync(folderOf(release.data))) await rename(making, folderOf(release.data))
        return release.data
      } finally {
        await rm(making, { recursive: true, force: true })
      }
    },

    /** Lets the link lead to another release, at once for whoever follows it. */
    async switchTo(release: string): Promise<void> {
      await rm(`${link}.new`, { force: true })
      await symlink(join('releases', release), `${link}.new`)
      await rename(`${link}.new`, link)
      const now = new Date()
      await utimes(folderOf(release), now, now)
    },

    /** Removes all but the last five that were switched to. */
    async prune(): Promise<void> {
      const names = (await readdir(folder)).filter((name) => ReleaseName.safeParse(name).success)
      const times = await Promise.all(
        names.map(async (name) => ({ name, at: (await stat(folderOf(name))).mtimeMs })),
      )
      const old = times.sort((one, other) => other.at - one.at).slice(KEPT)
      await Promise.all(old.map(({ name }) => rm(folderOf(name), { recursive: true, force: true })))
    },
  }
}
