/** A promise with the chain methods that presenters written for jQuery call. */
export interface ChainedPromise<T> extends Promise<T> {
  done(listener: (value: T) => void): ChainedPromise<T>
  fail(listener: (reason: unknown) => void): ChainedPromise<T>
  always(listener: () => void): ChainedPromise<T>
}

export interface Deferred<T> extends ChainedPromise<T> {
  resolve(value: T): void
  reject(reason?: unknown): void
  promise(): ChainedPromise<T>
}

/** Adds `done`, `fail` and `always`, which return the same promise, to a promise. */
export function chained<T>(promise: Promise<T>): ChainedPromise<T> {
  const chain = promise as ChainedPromise<T>
  const add = (onDone?: (value: T) => void, onFail?: (reason: unknown) => void) => {
    promise.then(onDone, onFail ?? (() => undefined)).catch(report)
    return chain
  }
  return Object.assign(chain, {
    done: (listener: (value: T) => void) => add(listener),
    fail: (listener: (reason: unknown) => void) => add(undefined, listener),
    always: (listener: () => void) => add(listener, listener),
  })
}

/** A promise that its holder settles, as the hooks of pybossa.js get it. */
export function createDeferred<T>(): Deferred<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const chain = chained(promise)
  return Object.assign(chain, { resolve, reject, promise: () => chain })
}

/** A listener's own failure belongs on the console of the presenter's author. */
function report(error: unknown): void {
  reportError(error)
}
