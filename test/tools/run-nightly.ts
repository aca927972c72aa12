import { runProgram } from './steps.ts'

/**
 * `npm run nightly`: what `npm test` has no time for: all tests with their coverage, those of assignment in large, and what
 * goes through poolers and balancers to replicas.
 */
const FILES = ['plans', 'faults', 'assignment-properties'].map(
  (name) => `test/domain/assignment/${name}.test.ts`,
)
const ONE_HOUR = 3_600_000

const covered = await runProgram(['node', 'test/tools/run-tests.ts'], {
  env: { COVERAGE: '1', TEST_FILE_MS: String(ONE_HOUR) },
})
const large = await runProgram(
  // A later option replaces the one that run-tests.ts gives; one file at a time, because all of them are busy.
  ['node', 'test/tools/run-tests.ts', `--test-timeout=${ONE_HOUR}`, '--test-concurrency=1', ...FILES],
  { env: { PROGRAMS: process.env['PROGRAMS'] ?? '3000', NIGHTLY: '1', TEST_FILE_MS: String(ONE_HOUR) } },
)
const chain = await runProgram(['node', 'test/drills/chain.ts'])
process.exitCode = covered || large || chain
