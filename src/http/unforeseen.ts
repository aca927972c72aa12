import { AppError } from '../lib/errors.ts'
import { FileStoreError } from '../platform/files.ts'
import { isDatabaseAway, isDatabaseBusy } from '../platform/postgres.ts'
import type { Context } from './state.ts'

/** An error that nobody had foreseen. */
export interface Unforeseen {
  readonly error: unknown
  /** Method and route: the address may name somebody. */
  readonly place: string
  readonly requestId: string
}

/** By this event of the application it is told to whoever listens. */
const UNFORESEEN = 'unforeseen'

/** Whether an error is a refusal, or what the log and the monitoring tell of: a store or a database that is away. */
function isForeseen(error: unknown): boolean {
  return (
    error instanceof AppError ||
    error instanceof FileStoreError ||
    isDatabaseAway(error) ||
    isDatabaseBusy(error)
  )
}

/** Tells of an error, unless it was foreseen. @param place where no route says it. */
export function tellUnforeseen(ctx: Context, error: unknown, place = 'no route'): void {
  if (isForeseen(error)) return
  const route: unknown = ctx['_matchedRoute']
  const { method, state } = ctx
  const told: Unforeseen = {
    error,
    place: `${method} ${typeof route === 'string' ? route : place}`,
    requestId: state.requestId,
  }
  ctx.app.emit(UNFORESEEN, told)
}

/** @param listener told of each error that nobody had foreseen. */
export function onUnforeseen(app: Pick<Context['app'], 'on'>, listener: (told: Unforeseen) => void): void {
  app.on(UNFORESEEN, listener)
}
