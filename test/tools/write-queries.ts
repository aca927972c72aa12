import { runProgram } from './steps.ts'

/** `npm run queries`: writes docs/queries.md. It fills two projects, which takes minutes and 10 GB; `TASKS=50000` is a tenth of that. */
const TWO_HOURS = 7_200_000

process.exitCode = await runProgram(
  // A later option replaces the one that run-tests.ts gives.
  ['node', 'test/tools/run-tests.ts', `--test-timeout=${TWO_HOURS}`, 'test/domain/tasks/list-plans.test.ts'],
  {
    env: {
      ...{ TASKS: '500000', RUNS: '10', QUERIES: 'docs/queries.md', TEST_FILE_MS: String(TWO_HOURS) },
      ...process.env,
    },
  },
)
