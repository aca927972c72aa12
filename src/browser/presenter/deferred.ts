// Presenters chain `done`, `fail` and `always`, pass our promises to `$.when`, and get deferreds in their hooks: these
// are jQuery's own, of the kit. They go on working when a presenter puts another jQuery in its place.
const { jQuery } = window

export type ChainedPromise<T> = JQueryPromise<T>
export type Deferred<T> = JQueryDeferred<T>

export function createDeferred<T>(): Deferred<T> {
  return jQuery.Deferred<T>()
}

/** A promise of jQuery for one of the language. */
export function chained<T>(promise: Promise<T>): ChainedPromise<T> {
  const deferred = createDeferred<T>()
  promise.then(
    (value) => {
      deferred.resolve(value)
    },
    (reason: unknown) => {
      deferred.reject(reason)
    },
  )
  return deferred.promise()
}
