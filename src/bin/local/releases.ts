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
  writeFile,
} from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { MODULES_FILE, RELEASES_KEPT, RELEASE_FILE, ReleaseName } from '../../platform/release.ts'
import { runProgram } from './run-program.ts'

export type Releases = ReturnType<typeof releasesIn>

/** What the packed packages of a lockfile are called by. */
const ModulesName = z.string().regex(/^[0-9a-f]{24}$/)

/**
 * The releases on a host: `releases/<commit>` for each, the packages of their lockfiles in `modules`, and the link
 * `current` to the one that runs.
 *
 * @param root the folder of both.
 */
export function releasesIn(root: string) {
  const link = join(root, 'current')
  const note = join(root, 'switching-from')
  const folder = join(root, 'releases')
  const modules = join(root, 'modules')
  const folderOf = (release: string) => join(folder, release)
  const migrationsOf = (release: string) => join(folderOf(release), 'src/migrations')

  /** The release that the link leads to; undefined before the first. */
  async function current(): Promise<string | undefined> {
    return existsSync(link) ? basename(await readlink(link)) : undefined
  }

  /** Notes that a release was needed just now. */
  async function touch(release: string): Promise<void> {
    const now = new Date()
    await utimes(folderOf(release), now, now)
  }

  /** Unpacks an archive into a folder of its own, which then gets its name whole, unless it has it. */
  async function unpackTo(
    parent: string,
    archive: string,
    complete: (making: string) => Promise<string>,
  ): Promise<void> {
    await mkdir(parent, { recursive: true })
    await chmod(parent, 0o755)
    const making = await mkdtemp(join(parent, '.unpacking-'))
    try {
      const safely = ['--no-same-owner', '--same-permissions']
      await runProgram('tar', ['--extract', '--zstd', ...safely, '--file', archive, '--directory', making])
      const name = await complete(making)
      // The service's account, which is another one than whoever upgrades, reads it.
      await chmod(making, 0o755)
      if (!existsSync(join(parent, name))) await rename(making, join(parent, name))
    } finally {
      await rm(making, { recursive: true, force: true })
    }
  }

  async function unpackModules(name: string, beside: string): Promise<void> {
    if (existsSync(join(modules, name, 'complete'))) return
    await unpackTo(modules, join(dirname(beside), `modules-${name}.tar.zst`), async (making) => {
      await writeFile(join(making, 'complete'), '')
      return name
    })
  }

  return {
    folderOf,
    migrationsOf,

    current,

    /**
     * Unpacks a release and, from the archive beside it, its packages, unless they are there already.
     *
     * @returns its commit. @throws Error when the archive is none of a release.
     */
    async unpack(archive: string): Promise<string> {
      let release = ''
      await unpackTo(folder, archive, async (making) => {
        const read = async (file: string) =>
          (await readFile(join(making, file), 'utf8').catch(() => '')).trim()
        const name = ReleaseName.safeParse(await read(RELEASE_FILE))
        const packages = ModulesName.safeParse(await read(MODULES_FILE))
        if (!name.success || !packages.success)
          throw new Error('This is no packed release: it does not say of which commit it is.')
        await unpackModules(packages.data, archive)
        await symlink(`../../modules/${packages.data}/node_modules`, join(making, 'node_modules'))
        release = name.data
        return release
      })
      return release
    },

    /** The release that ran last and was found good: during a switch, also one that was cut off, the one before it. */
    async lastGood(): Promise<string | undefined> {
      return existsSync(note) ? (await readFile(note, 'utf8')).trim() : current()
    },

    /** Notes, until it is known how that ends, what is switched from. */
    async beginSwitch(from: string): Promise<void> {
      await writeFile(`${note}.new`, from, { flush: true })
      await rename(`${note}.new`, note)
    },

    async endSwitch(): Promise<void> {
      await rm(note, { force: true })
    },

    /** Lets the link lead to another release, at once for whoever follows it. */
    async switchTo(release: string): Promise<void> {
      if (!existsSync(folderOf(release))) throw new Error(`There is no such release on this host: ${release}`)
      // It has run until now, and is where one goes back to: no other that came meanwhile and never ran is to outlive it.
      const before = await current()
      if (before !== undefined && before !== release) await touch(before)
      await rm(`${link}.new`, { force: true })
      await symlink(join('releases', release), `${link}.new`)
      await rename(`${link}.new`, link)
      await touch(release)
    },

    /** The migrations of all other releases that are on this host. */
    async migrationsOfOthers(release: string): Promise<string[]> {
      const names = (await readdir(folder)).filter((name) => name !== release)
      return names
        .filter((name) => ReleaseName.safeParse(name).success)
        .map((name) => migrationsOf(name))
        .filter((path) => existsSync(path))
    },

    /**
     * Removes all but what runs and the others that came or ran last, five in all, and packages that none of these needs.
     *
     * @returns the names of the releases that were removed.
     */
    async prune(): Promise<string[]> {
      const running = await current()
      const names = (await readdir(folder)).filter((name) => ReleaseName.safeParse(name).success)
      const times = await Promise.all(
        names.map(async (name) => ({
          name,
          at: name === running ? Infinity : (await stat(folderOf(name))).mtimeMs,
        })),
      )
      const newestFirst = times.sort((one, other) => other.at - one.at).map(({ name }) => name)
      const old = newestFirst.splice(RELEASES_KEPT)
      await Promise.all(old.map((name) => rm(folderOf(name), { recursive: true, force: true })))
      const needed = new Set(
        await Promise.all(
          newestFirst.map((name) => readlink(join(folderOf(name), 'node_modules')).catch(() => '')),
        ),
      )
      const all = existsSync(modules) ? await readdir(modules) : []
      const unneeded = all.filter((name) => !needed.has(`../../modules/${name}/node_modules`))
      await Promise.all(unneeded.map((name) => rm(join(modules, name), { recursive: true, force: true })))
      return old
    },
  }
}
