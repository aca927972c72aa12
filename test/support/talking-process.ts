import { setImmediate } from 'node:timers/promises'
import { createLogger } from '../../src/platform/log.ts'

/** Logs so many lines of a kilobyte, one in each round of its loop, and says on standard error that it is through. */
const [lines = '', bufferBytes = ''] = process.argv.slice(2)
const log = createLogger('talker', 'info', Number(bufferBytes))
for (let n = 0; n < Number(lines); n += 1) {
  log.info({ n }, 'x'.repeat(1_000))
  await setImmediate()
}
process.on('SIGTERM', () => process.exit())
process.stderr.write('through')
// What is read from now on is taken again: whoever started this ends it.
process.stdin.once('data', () => {
  log.info('last')
})
