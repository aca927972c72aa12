// The part of jQuery 2 that our own code uses.

declare module 'jquery' {
  const jQuery: JQuery
  export default jQuery
}

interface JQuery {
  (element: Element): JQueryDialogue
  readonly fn: Readonly<Record<string, unknown>>
  /** How `attr` reads and writes some attributes; null leaves it to the attribute itself. */
  readonly attrHooks: Record<string, JQueryAttribute>
  Deferred<T>(): JQueryDeferred<T>
}

interface JQueryAttribute {
  get(element: Element): string | null | undefined
  set?(element: Element, value: unknown): string
}

/** What Bootstrap adds for dialogues. */
interface JQueryDialogue {
  on(event: 'shown.bs.modal' | 'hidden.bs.modal', listener: () => void): JQueryDialogue
  modal(action: 'show' | 'hide'): JQueryDialogue
}

interface JQueryPromise<T> extends PromiseLike<T> {
  done(listener: (value: T) => void): JQueryPromise<T>
  fail(listener: (reason: unknown) => void): JQueryPromise<T>
  always(listener: () => void): JQueryPromise<T>
}

interface JQueryDeferred<T> extends JQueryPromise<T> {
  resolve(value: T): void
  reject(reason?: unknown): void
  promise(): JQueryPromise<T>
}

interface Window {
  /** Of the kit, at first: presenters may put another one in its place. */
  jQuery: JQuery
}
