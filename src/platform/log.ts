import { pino } from 'pino'
import type { Logger } from 'pino'
import { currentRequestId } from './request-context.ts'

export type { Logger } from 'pino'

/**
 * The process's logger: JSON lines on standard output, each with the id of the request or job it belongs to.
 *
 * @param name which process: web, worker, scheduler …
 */
export function createLogger(name: string, level: string): Logger {
  return pino({
    name,
    level,
    mixin() {
      const requestId = currentRequestId()
      return requestId === undefined ? {} : { requestId }
    },
    redact: ['*.password', '*.apiKey', '*.authorization', '*.cookie'],
  })
}
