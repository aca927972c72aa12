import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'

/** Kills a test file that hangs instead of waiting for the end of the run, in milliseconds. */
const TEST_TIMEOUT_MS = 240_000

interface Outcome {
  status: number
  output: string
}

/** Runs the pinned Node with these arguments, showing what it prints. */
function runNode(args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      process.stdout.write(text)
    })
    child.once('error', reject)
    child.once('close', (status) => {
      resolve({ status: status ?? 1, output })
    })
  })
}

const CHECKS = [
  { name: 'types', args: ['node_modules/typescript/bin/tsc', '-p', '.'] },
  {
    name: 'types of the browser code',
    args: ['node_modules/typescript/bin/tsc', '-p', 'src/browser/tsconfig.json'],
  },
]

/** The number behind a word of the test runner's closing lines. */
function closing(output: string, word: string): number {
  return Number(new RegExp(`^ℹ ${word} (\\d+)$`, 'm').exec(output)?.[1] ?? 0)
}

const chosen = process.argv.slice(2)
let failedChecks = 0
for (const { name, args } of chosen.length > 0 ? [] : CHECKS) {
  const began = Date.now()
  const { status } = await runNode(args)
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`)
  if (status !== 0) failedChecks += 1
}
const files = chosen.length > 0 ? chosen : globSync('test/**/*.test.ts')
const { status, output } = await runNode([
  '--test',
  '--test-global-setup=test/support/global-setup.ts',
  '--test-concurrency=2',
  `--test-timeout=${TEST_TIMEOUT_MS}`,
  ...files,
])
const skipped = closing(output, 'skipped')
const failed = closing(output, 'fail') + closing(output, 'cancelled') + failedChecks
const mustRunAll = process.env['REQUIRE_ALL'] === '1'
const hasFailed = status !== 0 || failedChecks > 0 || (mustRunAll && skipped > 0)
console.log(`\n${closing(output, 'pass')} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = hasFailed ? 1 : 0
