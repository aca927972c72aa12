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
    serializers: { err: plainError },
    redact: ['*.password', '*.apiKey', '*.authorization', '*.cookie'],
  })
}

interface PlainError {
  type: string
  message: string
  stack?: string
  code?: unknown
  detail?: unknown
  constraint?: unknown
  cause?: PlainError
}

/** What helps to find a fault, and none of the objects that libraries hang on their errors: connections, requests. */
function plainError(error: unknown): PlainError {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) }
  const { code, detail, constraint } = error as { code?: unknown; detail?: unknown; constraint?: unknown }
  return {
    type: error.constructor.name,
    message: error.message,
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    ...(code === undefined ? {} : { code }),
    ...(detail === undefined ? {} : { detail }),
    ...(constraint === undefined ? {} : { constraint }),
    ...(error.cause === undefined ? {} : { cause: plainError(error.cause) }),
  }
}
