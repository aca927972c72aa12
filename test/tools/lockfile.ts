import { readFileSync } from 'node:fs'

/** One entry of `packages` in package-lock.json, as far as our checks read it. */
export interface LockedPackage {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly license?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly link?: boolean
  readonly hasInstallScript?: boolean
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

export interface Lockfile {
  readonly packages: Readonly<Record<string, LockedPackage>>
}

export function readLockfile(path: string): Lockfile {
  return JSON.parse(readFileSync(path, 'utf8')) as Lockfile
}

/** `node_modules/a/node_modules/@b/c` is the package `@b/c`. */
export function packageNameOf(lockPath: string): string {
  return lockPath.slice(lockPath.lastIndexOf('node_modules/') + 'node_modules/'.length)
}

/** Whether a package declares a platform that is neither ours (Linux with glibc on x64 or arm64) nor any. */
export function isForeignPlatform(entry: LockedPackage): boolean {
  const allows = (list: readonly string[] | undefined, wanted: readonly string[]) =>
    list === undefined || wanted.some((each) => list.includes(each))
  return !(
    allows(entry.os, ['linux']) &&
    allows(entry.cpu, ['x64', 'arm64']) &&
    allows(entry.libc, ['glibc'])
  )
}

/**
 * Optional dependencies that packages declare and the lockfile does not hold. npm leaves them out when the
 * registry it used did not have them, and `npm ci` of npm 11 then refuses the lockfile.
 */
export function missingOptionalPackages(
  lockfile: Lockfile,
): { parent: string; name: string; version: string }[] {
  const missing: { parent: string; name: string; version: string }[] = []
  for (const [parent, entry] of Object.entries(lockfile.packages)) {
    for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
      if (!isLocked(lockfile, parent, name))
        missing.push({ parent, name, version: range.replace(/^[~^]/, '') })
    }
  }
  return missing
}

/** Node's own search: a package is found beside its parent or in any node_modules folder above it. */
function isLocked(lockfile: Lockfile, parent: string, name: string): boolean {
  const folders = parent === '' ? [] : parent.split('/node_modules/')
  for (let depth = folders.length; depth >= 0; depth -= 1) {
    const prefix = folders.slice(0, depth).join('/node_modules/')
    if (lockfile.packages[prefix === '' ? `node_modules/${name}` : `${prefix}/node_modules/${name}`])
      return true
  }
  return false
}
