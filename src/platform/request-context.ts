import { AsyncLocalStorage } from 'node:async_hooks'

/** What a log line or an SQL statement should know about the request or job it belongs to. */
export interface RequestContext {
  readonly requestId: string
}

const storage = new AsyncLocalStorage<RequestContext>()

/** Runs `work` so that everything below it logs and queries under this request id. */
export function runInContext<T>(context: RequestContext, work: () => T): T {
  return storage.run(context, work)
}

/** The request id of whatever is running now, if anything is. */
export function currentRequestId(): string | undefined {
  return storage.getStore()?.requestId
}
