import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CoverageReport } from 'monocart-coverage-reports'
import type { CoverageFile, V8CoverageEntry } from 'monocart-coverage-reports'
import { BROWSER_COVERAGE, COVERAGE, NODE_COVERAGE } from './coverage-folders.ts'

/**
 * Merges what the tests ran, in Node's processes and in Chromium, and fails below the limits. A file that nothing
 * loaded counts with all its lines.
 */
const LINES_MIN = 97
const BRANCHES_MIN = 90
const WORST_SHOWN = 15

const root = process.cwd()
const report = new CoverageReport({
  outputDir: `${COVERAGE}/report`,
  reports: ['v8-json', 'lcovonly'],
  logging: 'error',
  cleanCache: true,
  v8Ignore: false,
  sourcePath: (path) => (path.includes('/src/') ? path.slice(path.indexOf('/src/') + 1) : path),
  sourceFilter: isMeasured,
  all: {
    dir: ['src', 'jobs'],
    filter: (path) => (isMeasured(relative(root, path)) ? 'js' : false),
    transformer: async (entry: V8CoverageEntry) => {
      entry.source = strip(entry.source ?? '')
    },
  },
})

for (const list of nodeCoverage()) await report.add(list)
for (const list of browserCoverage()) await report.add(list)
const results = await report.generate()
if (!results) throw new Error('No coverage was recorded')
print(results.files)
const { lines, branches } = results.summary
console.log(`lines ${lines.pct} % (at least ${LINES_MIN}), branches ${branches.pct} % (at least ${BRANCHES_MIN})`)
if (Number(lines.pct) < LINES_MIN || Number(branches.pct) < BRANCHES_MIN) process.exitCode = 1

/** Code of ours that runs: what is loaded by nothing but tests, and declarations, are not. */
function isMeasured(path: string): boolean {
  return /^(?:src|jobs)\/.+\.(?:ts|js)$/.test(path) && !path.endsWith('.d.ts')
}

/** Node runs the same text: types become spaces, so that every position stays. */
function strip(source: string): string {
  return stripTypeScriptTypes(source, { mode: 'strip' })
}

function* nodeCoverage(): Generator<V8CoverageEntry[]> {
  const sources = new Map<string, string>()
  for (const file of filesIn(NODE_COVERAGE)) {
    const { result } = JSON.parse(readFileSync(file, 'utf8')) as { result: V8CoverageEntry[] }
    const ours = result.filter(({ url }) => isOurs(url))
    for (const entry of ours) {
      const path = fileURLToPath(entry.url)
      const source = sources.get(path) ?? strip(readFileSync(path, 'utf8'))
      sources.set(path, source)
      entry.source = source
    }
    if (ours.length > 0) yield ours
  }
}

function isOurs(url: string): boolean {
  return url.startsWith('file:') && isMeasured(relative(root, fileURLToPath(url))) && existsSync(fileURLToPath(url))
}

function* browserCoverage(): Generator<V8CoverageEntry[]> {
  for (const file of filesIn(BROWSER_COVERAGE)) yield JSON.parse(readFileSync(file, 'utf8')) as V8CoverageEntry[]
}

function filesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []
}

function print(files: readonly CoverageFile[]): void {
  const missing = ({ summary }: CoverageFile) => summary.lines.total - summary.lines.covered
  const missingBranches = ({ summary }: CoverageFile) => summary.branches.total - summary.branches.covered
  const worst = files
    .filter((file) => missing(file) + missingBranches(file) > 0)
    .sort((a, b) => missing(b) + missingBranches(b) - missing(a) - missingBranches(a))
  for (const file of worst.slice(0, WORST_SHOWN)) {
    const lacks = [`${missing(file)} lines`.padStart(10), `${missingBranches(file)} branches`.padStart(13)]
    console.log(`${lacks.join('')}  ${file.sourcePath}${uncovered(file)}`)
  }
  if (worst.length > WORST_SHOWN) console.log(`… and ${worst.length - WORST_SHOWN} more files that lack some`)
}

/** The first lines that nothing ran. */
function uncovered({ data }: CoverageFile): string {
  const lines = Object.entries(data?.lines ?? {}).filter(([, hits]) => hits === 0)
  return lines.length === 0 ? '' : `: ${lines.slice(0, 8).map(([line]) => line).join(' ')}${lines.length > 8 ? ' …' : ''}`
}
