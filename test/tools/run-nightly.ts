import { runProgram } from './steps.ts'

/** `npm run nightly`: the tests of assignment in the sizes that `npm test` has no time for. */
const FILES = ['plans', 'faults', 'assignment-properties'].map(
  (name) => `test/domain/assignment/${name}.test.ts`,
)
const ONE_HOUR = 3_600_000

process.exitCode = await runProgram(
  // A later option replaces the one that run-tests.ts gives; one file at a time, because all of them are busy.
  ['node', 'test/tools/run-tests.ts', `--test-timeout=${ONE_HOUR}`, '--test-concurrency=1', ...FILES],
  { env: { PROGRAMS: process.env['PROGRAMS'] ?? '3000', NIGHTLY: '1' } },
)
