/**
 * What the page is to do: welcome this document; wait for the first or the next one to speak, which has loaded, or for the
 * next one's load; ask who is there; take the frame for left; or wait no longer.
 */
export type FrameStep =
  { welcome: string } | 'expect first' | 'expect next' | 'expect load' | 'ask' | 'left' | 'present'

export interface FrameDocuments {
  /** A document said its name, as its first word or because it was asked. */
  hello(document: string): FrameStep | undefined
  load(): FrameStep
  /** The document that was welcomed goes. */
  leaving(): FrameStep
}

/**
 * Tells the documents apart that follow one another in a frame. That one goes, that the next speaks and that one has
 * loaded reach the page by ways of their own, on a busy machine in any order. So only names are believed: whose load it
 * was that the page heard is asked.
 *
 * @param mayWelcomeNext whether a later document is welcomed as well.
 */
export function followDocuments(mayWelcomeNext: boolean): FrameDocuments {
  let welcomed: string | undefined
  let hasGone = false

  return {
    hello(document) {
      if (document === welcomed) return hasGone ? undefined : 'present'
      if (welcomed !== undefined && !mayWelcomeNext) return 'left'
      welcomed = document
      hasGone = false
      return { welcome: document }
    },
    load() {
      if (welcomed === undefined) return 'expect first'
      return hasGone ? 'expect next' : 'ask'
    },
    leaving() {
      hasGone = true
      return mayWelcomeNext ? 'expect load' : 'left'
    },
  }
}
