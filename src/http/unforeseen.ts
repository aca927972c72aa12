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

/** @param place where no route says it. */
export function tellUnforeseen(ctx: Context, error: unknown, place = 'no route'): void {
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
