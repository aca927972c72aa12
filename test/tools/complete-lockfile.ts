import { writeFileSync } from 'node:fs'
import { type LockedPackage, type Lockfile, missingOptionalPackages, readLockfile } from './lockfile.ts'

/**
 * Adds what npm left out of package-lock.json: optional packages for other platforms that the registry in use
 * did not have. They are never fetched here, so they carry no integrity. Run it after `npm install` when the
 * licence check asks for it.
 */
const path = 'package-lock.json'
const lockfile = readLockfile(path)
const completed = completeLockfile(lockfile)
if (completed) writeFileSync(path, `${JSON.stringify(completed, null, 2)}\n`)

function completeLockfile(incomplete: Lockfile): Lockfile | undefined {
  const missing = missingOptionalPackages(incomplete)
  if (missing.length === 0) return undefined
  const entries = { ...incomplete.packages }
  for (const { parent, name, version } of missing) {
    entries[`node_modules/${name}`] = entryFor(name, version, entries[parent] ?? {})
  }
  const sorted = Object.entries(entries).sort(([left], [right]) => left.localeCompare(right, 'en'))
  return { ...incomplete, packages: Object.fromEntries(sorted) }
}

/** By the naming that napi-rs, esbuild and others share: `<package>-<os>-<cpu>[-<libc>]`. */
function entryFor(name: string, version: string, parent: LockedPackage): LockedPackage {
  const platform = /(?<os>android|darwin|freebsd|linux|openharmony|win32)-(?<cpu>[a-z0-9]+)(?<rest>.*)$/.exec(
    name,
  )
  if (!platform?.groups)
    throw new Error(`${name} is missing from the lockfile and its name tells no platform`)
  const { os = '', cpu = '', rest = '' } = platform.groups
  return {
    version,
    cpu: [cpu],
    ...(parent.dev ? { dev: true } : {}),
    ...(os === 'linux' ? { libc: [rest.includes('musl') ? 'musl' : 'glibc'] } : {}),
    ...(parent.license === undefined ? {} : { license: parent.license }),
    optional: true,
    os: [os],
  }
}
