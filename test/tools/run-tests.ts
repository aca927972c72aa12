import { globSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { BROWSER_COVERAGE, COVERAGE, NODE_COVERAGE, ROUTE_LOG } from './coverage-folders.ts'
import { CACHE, STATIC_CHECKS } from './static-checks.ts'
import { printResult, runProgram, runSteps } from './steps.ts'
import type { Step, StepResult } from './steps.ts'
import type { Counts } from './test-counts.ts'

/**
 * `npm test`: the static checks, all tests, and what these must have covered. With arguments (files, or options of
 * Node's test runner) only tests are run, and coverage is not measured. The last line counts tests and checks.
 */

/** Ends a test that hangs, in milliseconds; `test/support/file-limit.ts` ends its file. */
const TEST_TIMEOUT_MS = 480_000
const CHECKS_AT_ONCE = 2
/** Three on two cores: test files wait for servers and browsers much of their time. */
const TEST_FILES_AT_ONCE = 3

const AFTER_TESTS: readonly Step[] = [
  {
    name: 'coverage',
    command: ['node', '--disable-warning=ExperimentalWarning', 'test/tools/check-coverage.ts'],
  },
  { name: 'routes', command: ['node', 'test/tools/check-routes.ts'] },
]

const chosen = process.argv.slice(2)
const counts = chosen.length > 0 ? await runTests(chosen) : await runAll()
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
  const tests = await runTests([], {
    NODE_V8_COVERAGE: resolve(NODE_COVERAGE),
    MANYHANDS_BROWSER_COVERAGE: resolve(BROWSER_COVERAGE),
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

/** Runs the files named, or all of them when only options of the test runner are given. */
async function runTests(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Counts> {
  const isWhole = args.length === 0
  const files = args.some((arg) => !arg.startsWith('-')) ? [] : allTestFiles()
  mkdirSync(CACHE, { recursive: true })
  const countsFile = `${CACHE}/counts-${process.pid}.json`
  const status = await runProgram(
    [
      'node',
      ...['--test', '--test-global-setup=test/support/global-setup.ts'],
      '--import=./test/support/file-limit.ts',
      ...[
        '--test-reporter',
        isWhole ? './test/tools/test-reporter.ts' : 'spec',
        '--test-reporter-destination=stdout',
      ],
      ...['--test-reporter=./test/tools/test-counts.ts', `--test-reporter-destination=${countsFile}`],
      ...[`--test-concurrency=${TEST_FILES_AT_ONCE}`, `--test-timeout=${TEST_TIMEOUT_MS}`],
      ...args,
      ...files,
    ],
    { env },
  )
  const counts = readCounts(countsFile)
  // A run that failed outside any test, or had none, is one failure.
  const isBroken = counts.failed === 0 && (status !== 0 || counts.passed + counts.skipped === 0)
  return isBroken ? { ...counts, failed: 1 } : counts
}

/** The drills, the cluster's and the clients' tests take longer and have commands of their own. */
function allTestFiles(): string[] {
  return globSync('test/**/*.test.ts', {
    exclude: ['test/bench/**', 'test/drills/**', 'test/cluster/**', 'test/conformance/**'],
  }).sort()
}

function readCounts(path: string): Counts {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Counts
  } catch {
    return { passed: 0, failed: 0, skipped: 0 }
  } finally {
    rmSync(path, { force: true })
  }
}
