import { existsSync, globSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { styleText } from 'node:util'
import { BROWSER_COVERAGE, COVERAGE, NODE_COVERAGE, ROUTE_LOG } from './coverage-folders.ts'
import { CACHE, STATIC_CHECKS } from './static-checks.ts'
import { printResult, runProgram, runSteps } from './steps.ts'
import type { Step, StepResult } from './steps.ts'
import { sumOfCounts } from './test-counts.ts'
import type { Counts, CountsOfFiles } from './test-counts.ts'

/**
 * `npm test`: the static checks, all tests, and that these asked for every route. With arguments (files, or options of
 * Node's test runner) only tests are run. The last line counts tests and checks. With COVERAGE=1, as every night, what the
 * tests must have covered is measured as well, which makes them a fifth slower, and browsers more.
 */

/** Ends a test that hangs, in milliseconds; `test/support/file-limit.ts` ends its file. */
const TEST_TIMEOUT_MS = 480_000
/**
 * What Node compiled, for the next file's process: most of a file's start is the same modules again. What is compiled to be
 * measured counts its branches, so each kind of run has its own.
 */
const COMPILED = 'node_modules/.cache/compiled'
const CHECKS_AT_ONCE = 2
/** Three on two cores: test files wait for servers and browsers much of their time. */
const TEST_FILES_AT_ONCE = 3
/** When more files fail, something is broken, and a second run would only take its time. */
const UNSTEADY_FILES_MAX = 4

const measuresCoverage = process.env['COVERAGE'] === '1'
const AFTER_TESTS: readonly Step[] = [
  ...(measuresCoverage
    ? [
        {
          name: 'coverage',
          command: ['node', '--disable-warning=ExperimentalWarning', 'test/tools/check-coverage.ts'],
        } as const,
      ]
    : []),
  { name: 'routes', command: ['node', 'test/tools/check-routes.ts'] },
]

const chosen = process.argv.slice(2)
const counts = chosen.length > 0 ? sumOfCounts(Object.values(await runTests(chosen))) : await runAll()
const mustRunAll = process.env['REQUIRE_ALL'] === '1'
if (mustRunAll && counts.skipped > 0) console.log('REQUIRE_ALL is set, so a skipped test counts as failed.')
const failed = counts.failed + (mustRunAll ? counts.skipped : 0)
const skipped = mustRunAll ? 0 : counts.skipped
console.log(`${counts.passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = failed > 0 ? 1 : 0

async function runAll(): Promise<Counts> {
  const checks = await runSteps(STATIC_CHECKS, CHECKS_AT_ONCE)
  rmSync(COVERAGE, { recursive: true, force: true })
  mkdirSync(COVERAGE, { recursive: true })
  const started = performance.now()
  const tests = await runTwice({
    ...(measuresCoverage && {
      NODE_V8_COVERAGE: resolve(NODE_COVERAGE),
      MANYHANDS_BROWSER_COVERAGE: resolve(BROWSER_COVERAGE),
    }),
    MANYHANDS_ROUTE_LOG: resolve(ROUTE_LOG),
  })
  const seconds = (performance.now() - started) / 1000
  const results: StepResult[] = [
    ...checks,
    { name: `tests (${tests.passed} passed)`, passed: tests.failed === 0, seconds },
    ...(await runSteps(AFTER_TESTS, 1)),
  ]
  console.log('\nSummary')
  for (const result of results) printResult(result)
  const failedChecks = results.filter(({ name, passed }) => !passed && !name.startsWith('tests ')).length
  return { ...tests, failed: tests.failed + failedChecks }
}

/**
 * Runs all test files, then those few that failed once more, one at a time: a browser on a machine that is busy with
 * other tests misses a limit now and then. What passes only then is named, so that its cause is looked for.
 */
async function runTwice(env: NodeJS.ProcessEnv): Promise<Counts> {
  const first = await runTests([], env)
  const failed = Object.keys(first).filter((file) => (first[file]?.failed ?? 0) > 0)
  if (failed.length === 0 || failed.length > UNSTEADY_FILES_MAX || !failed.every((file) => existsSync(file)))
    return sumOfCounts(Object.values(first))
  console.log(`\nOnce more, alone: ${failed.join(', ')}`)
  const second = await runTests(['--test-concurrency=1', ...failed], env)
  for (const file of failed) {
    if (second[file]?.failed === 0)
      console.log(`${styleText('yellow', 'unsteady')} ${file}: failed, then passed`)
  }
  return sumOfCounts(Object.values({ ...first, ...second }))
}

/** Runs the files named, or all of them. */
async function runTests(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CountsOfFiles> {
  mkdirSync(CACHE, { recursive: true })
  const compiled = env['NODE_V8_COVERAGE'] === undefined ? COMPILED : `${COMPILED}-to-measure`
  const countsFile = `${CACHE}/counts-${process.pid}.json`
  const command = args.length === 0 ? wholeRun(countsFile) : chosenRun(countsFile, args)
  const status = await runProgram(command, { env: { NODE_COMPILE_CACHE: resolve(compiled), ...env } })
  const counts = readCounts(countsFile)
  const { passed, failed, skipped } = sumOfCounts(Object.values(counts))
  // A run that failed outside any test, or had none, is one failure.
  const isBroken = failed === 0 && (status !== 0 || passed + skipped === 0)
  return isBroken ? { ...counts, 'the run itself': { passed: 0, failed: 1, skipped: 0 } } : counts
}

function wholeRun(countsFile: string): [string, ...string[]] {
  const limits = [`--concurrency=${TEST_FILES_AT_ONCE}`, `--timeout=${TEST_TIMEOUT_MS}`]
  return ['node', 'test/tools/run-files.ts', ...limits, `--counts=${countsFile}`, ...allTestFiles()]
}

/** With options of Node's test runner, for all files when none is named. */
function chosenRun(countsFile: string, args: readonly string[]): [string, ...string[]] {
  return [
    'node',
    ...['--test', '--test-global-setup=test/support/global-setup.ts'],
    '--import=./test/support/file-limit.ts',
    ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
    ...['--test-reporter=./test/tools/test-counts.ts', `--test-reporter-destination=${countsFile}`],
    ...[`--test-concurrency=${TEST_FILES_AT_ONCE}`, `--test-timeout=${TEST_TIMEOUT_MS}`],
    ...args,
    ...(args.every((arg) => arg.startsWith('-')) ? allTestFiles() : []),
  ]
}

/**
 * The drills, the cluster's and the clients' tests take longer and have commands of their own. Browsers keep processors
 * busy, where other tests wait much of their time: spread over them they miss fewer limits, and all end sooner.
 */
function allTestFiles(): string[] {
  const files = globSync('test/**/*.test.ts', {
    exclude: ['test/bench/**', 'test/drills/**', 'test/cluster/**', 'test/conformance/**'],
  }).sort()
  const [browsers, others] = [true, false].map((isBrowser) =>
    files.filter((file) => file.startsWith('test/browser/') === isBrowser),
  )
  const places = [browsers, others].flatMap((group = []) =>
    group.map((file, index) => ({ file, place: (index + 0.5) / group.length })),
  )
  return places.sort((one, other) => one.place - other.place).map(({ file }) => file)
}

function readCounts(path: string): CountsOfFiles {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as CountsOfFiles
  } catch {
    return {}
  } finally {
    rmSync(path, { force: true })
  }
}
