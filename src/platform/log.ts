import { pino } from 'pino'
import type { DestinationStream, Logger } from 'pino'
import { currentRequestId } from './request-context.ts'

export type { Logger } from 'pino'

/**
 * The process's logger: JSON lines on standard output, each with the id of the request or job it belongs to.
 *
 * @param name which process: web, worker, scheduler …
 * @param bufferBytes so much may wait while whoever takes the lines takes none, and what comes then is dropped; with 0
 *   the process waits instead.
 */
export function createLogger(name: string, level: string, bufferBytes = 0): Logger {
  const target = createTarget(bufferBytes)
  const log = pino(
    {
      name,
      level,
      mixin() {
        const requestId = currentRequestId()
        return requestId === undefined ? {} : { requestId }
      },
      serializers: { err: plainError },
      redact: ['*.password', '*.apiKey', '*.authorization', '*.cookie'],
    },
    target.stream,
  )
  target.onTakenAgain((dropped) => {
    log.warn({ dropped }, 'log lines dropped: nobody took them')
  })
  return log
}

interface Target {
  readonly stream: DestinationStream
  /** @param listener told how many lines were dropped, once lines are taken again. */
  onTakenAgain(listener: (dropped: number) => void): void
}

/** Standard output. A full disk behind it is no reason to end, nor a pipe that nobody reads one to wait. */
function createTarget(bufferBytes: number): Target {
  const stream = pino.destination({ dest: 1, sync: bufferBytes === 0, maxLength: bufferBytes })
  let dropped = 0
  stream.on('drop', () => {
    dropped += 1
  })
  let isFailing = false
  // What flushes at the end of the process would try until it succeeds. The descriptor stays open.
  const giveUp = () => {
    stream.destroy()
  }
  // There is nowhere to tell it; the next line is another attempt.
  stream.on('error', () => {
    if (!isFailing && bufferBytes > 0) process.prependListener('exit', giveUp)
    isFailing = true
  })
  stream.on('write', () => {
    if (isFailing) process.off('exit', giveUp)
    isFailing = false
  })
  return {
    stream,
    onTakenAgain(listener) {
      stream.on('drain', () => {
        if (dropped === 0) return
        const lost = dropped
        dropped = 0
        listener(lost)
      })
    },
  }
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
