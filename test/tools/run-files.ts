import { createWriteStream } from 'node:fs'
import { resolve } from 'node:path'
import { run } from 'node:test'
import { finished } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { startTestServers } from '../support/servers.ts'
import count from './test-counts.ts'
import report from './test-reporter.ts'

/**
 * Runs test files in the order in which they are given, which `node --test` would sort, each in a process of its own on
 * servers that all share. Writes their counts to a file as JSON.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** Files at a time. */
    concurrency: { type: 'string', default: '1' },
    /** Milliseconds for each test. */
    timeout: { type: 'string', default: '0' },
    counts: { type: 'string', default: '' },
  },
})

const ending = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    process.exitCode = 130
    ending.abort()
  })
}

const servers = await startTestServers()
try {
  const events = run({
    files: positionals.map((file) => resolve(file)),
    concurrency: Number(values.concurrency),
    timeout: Number(values.timeout),
    execArgv: ['--import=./test/support/file-limit.ts'],
    signal: ending.signal,
  })
  events.on('test:fail', () => (process.exitCode ??= 1))
  const counts = createWriteStream(values.counts)
  const reported = events.compose(report)
  reported.pipe(process.stdout, { end: false })
  events.compose(count).pipe(counts)
  await Promise.all([finished(reported), finished(counts)])
} finally {
  await servers.stop()
}
