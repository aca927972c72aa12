import { existsSync, readFileSync } from 'node:fs'
import { documentationProblems, packageProblems, versionProblems } from './licences.ts'
import type { DirectDependencies } from './licences.ts'
import { readLockfile } from './lockfile.ts'

/** Fails for a package whose licence, origin or install script we do not want, or that docs/dependencies.md forgets. */
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as DirectDependencies
const lockfile = readLockfile('package-lock.json')
const document = existsSync('docs/dependencies.md') ? readFileSync('docs/dependencies.md', 'utf8') : ''
const problems = [
  ...packageProblems(lockfile, installedLicence),
  ...documentationProblems(manifest, document),
  ...versionProblems(manifest),
]
for (const problem of problems) console.log(problem)
console.log(`${Object.keys(lockfile.packages).length - 1} packages, ${problems.length} problems`)
if (problems.length > 0) process.exitCode = 1

function installedLicence(lockPath: string): string | undefined {
  const path = `${lockPath}/package.json`
  if (!existsSync(path)) return undefined
  const { license } = JSON.parse(readFileSync(path, 'utf8')) as { license?: string | { type?: string } }
  return typeof license === 'object' ? license.type : license
}
