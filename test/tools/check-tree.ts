import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { missingTopEntries, pathProblems, sqlProblems, strayTopEntries } from './tree.ts'

/** Fails for entries at the top that do not belong there, and for files and SQL names against the house's words. */
const git = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
const paths = execFileSync('git', git, { encoding: 'utf8' })
  .split('\0')
  .filter((path) => path !== '' && existsSync(path))
const entries = readdirSync('.')
const problems = [
  ...strayTopEntries(entries),
  ...missingTopEntries(entries),
  ...pathProblems(paths),
  ...paths
    .filter((path) => path.endsWith('.sql'))
    .flatMap((path) => sqlProblems(path, readFileSync(path, 'utf8'))),
]
for (const problem of problems) console.log(problem)
console.log(`${paths.length} files, ${problems.length} problems`)
if (problems.length > 0) process.exitCode = 1
