import { lastsLonger } from './lint-rules.ts'
import { badFileName, synonymIn } from './vocabulary.ts'

/** Everything that may be seen at the top of the project. */
const TOP: ReadonlySet<string> = new Set([
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'src',
  'jobs',
  'templates',
  'ansible',
  'test',
  'docs',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
])

/** Made by tools, and kept out of the repository by .gitignore. */
const GENERATED: ReadonlySet<string> = new Set(['node_modules', 'coverage'])

/** JavaScript that a tool or the first start forces on us. */
const SCRIPTS: ReadonlySet<string> = new Set(['src/bin/bootstrap.js'])

/** Entries at the top that do not belong there. Names that begin with a dot are not seen. */
export function strayTopEntries(entries: readonly string[]): string[] {
  return entries
    .filter((entry) => !entry.startsWith('.') && !TOP.has(entry) && !GENERATED.has(entry))
    .map((entry) => `${entry}: does not belong at the top; tool settings go to package.json or test/tools/`)
}

/** What the top must have and has not. */
export function missingTopEntries(entries: readonly string[]): string[] {
  return [...TOP].filter((entry) => !entries.includes(entry)).map((entry) => `${entry}: is missing`)
}

/** What is wrong with the names of files, given as paths from the top. */
export function pathProblems(paths: readonly string[]): string[] {
  return [...new Set(paths.flatMap((path) => [...scriptProblem(path), ...nameProblems(path)]))]
}

function scriptProblem(path: string): string[] {
  const isScript = /\.(?:[cm]?js|jsx)$/.test(path) && !SCRIPTS.has(path)
  return isScript ? [`${path}: write TypeScript; only ${[...SCRIPTS].join(', ')} is JavaScript`] : []
}

function nameProblems(path: string): string[] {
  if (!/^(?:src|jobs|test|templates)\//.test(path) || /^src\/(?:demo|locales)\//.test(path)) return []
  const allowed = ['worker', 'replication', 'answer', 'hit']
  const parts = path.split('/')
  return parts.flatMap((part, index) => {
    const problem = badFileName(part, allowed) ?? badSpelling(part)
    return problem === undefined ? [] : [`${parts.slice(0, index + 1).join('/')}: ${problem}`]
  })
}

function badSpelling(part: string): string | undefined {
  const isOdd = part.endsWith('.ts') && !/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.\w+)*\.ts$/.test(part)
  return isOdd ? `“${part}” is not kebab-case` : undefined
}

/** What is wrong in a file of SQL, with its lines. Comments and texts are left out. */
export function sqlProblems(path: string, sql: string): string[] {
  const code = sql
    .replace(/--.*$/gm, '')
    .replace(/\/\*[\s\S]*?\*\//g, blank)
    .replace(/'(?:[^']|'')*'/g, blank)
  return [...wordProblems(path, code), ...sessionProblems(path, code)]
}

/** Names that say something of our vocabulary in other words. */
function wordProblems(path: string, code: string): string[] {
  return code.split('\n').flatMap((line, index) =>
    [...line.matchAll(/[a-z_][a-z0-9_]*/gi)].flatMap(([name]) => {
      const problem = synonymIn(name, ['replication'])
      return problem === undefined ? [] : [`${path}:${index + 1}: ${problem}`]
    }),
  )
}

/** Statements, also those of a function's body, that a pooler in transaction mode would let somebody else meet. */
function sessionProblems(path: string, code: string): string[] {
  let line = 1
  return code.split(/;|\bbegin\b|\bthen\b|\belse\b|\bloop\b/i).flatMap((statement) => {
    const start = line + (/^\s*/.exec(statement)?.[0].split('\n').length ?? 1) - 1
    line += statement.split('\n').length - 1
    // In a function's body it sends a text, and leaves nothing behind.
    if (/^\s*execute\b/i.test(statement)) return []
    return lastsLonger(statement) ? [`${path}:${start}: lasts longer than a transaction`] : []
  })
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ')
}
