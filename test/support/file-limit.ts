import { inspect } from 'node:util'

/**
 * Loaded into the process of every test file. Node's runner ends tests that take too long but waits forever for a file
 * that something keeps open; here such a file ends as failed, and says what kept it.
 */

/** Beyond any test's own limit, in milliseconds; who gives tests hours gives them to their files too. */
const FILE_LIMIT_MS = Number(process.env['TEST_FILE_MS'] ?? 540_000)

interface Handle {
  type: string
  is_active?: boolean
  is_referenced?: boolean
}

if (process.env['NODE_TEST_CONTEXT'] !== undefined) {
  setTimeout(() => {
    const { libuv } = process.report.getReport() as { libuv: Handle[] }
    const open = libuv.filter(({ is_active, is_referenced }) => is_active === true && is_referenced === true)
    console.error(`${process.argv[1]} did not end. What is still open: ${inspect(open, { depth: 4 })}`)
    process.exit(1)
  }, FILE_LIMIT_MS).unref()
}
