/**
 * What the page is to do: greet the document that spoke; wait for one that has loaded and did not speak yet, the first or
 * the next; or take the frame for left.
 */
export type FrameStep = 'welcome' | 'expect' | 'expect next' | 'left'

export interface FrameDocuments {
  hello(): FrameStep | undefined
  load(): FrameStep | undefined
  /** The document that was greeted went. */
  leaving(hadLoaded: boolean): FrameStep | undefined
}

/**
 * Tells the documents apart that follow one another in a frame. That one goes, that the next speaks and that it has
 * loaded reach the page by ways of their own: on a busy machine in any order.
 *
 * @param mayGreetNext whether a later document is greeted as well.
 */
export function followDocuments(mayGreetNext: boolean): FrameDocuments {
  let isGreeted = false
  let hasLoaded = false
  /** The one that went had loaded, which the page has yet to hear. */
  let isLoadOwed = false
  /** What was heard may as well have been the load of the one before: that of the one greeted may be still to come. */
  let isLoadDoubtful = false
  let isLeaving = false
  /** Somebody said hello although one is greeted: the document that will have loaded next. */
  let hasNextSpoken = false
  let isNextAwaited = false

  function welcome(): FrameStep {
    isGreeted = true
    isLeaving = false
    hasNextSpoken = false
    isNextAwaited = false
    return 'welcome'
  }

  function nextHasLoaded(): FrameStep {
    if (hasNextSpoken && !hasLoaded && !isLeaving) isLoadDoubtful = true
    hasLoaded = true
    if (hasNextSpoken) return welcome()
    if (!mayGreetNext) return 'left'
    isNextAwaited = true
    return 'expect next'
  }

  return {
    hello() {
      if (!isGreeted || isNextAwaited) return welcome()
      hasNextSpoken = mayGreetNext
      return undefined
    },
    load() {
      if (isLoadOwed) {
        isLoadOwed = false
        hasLoaded = true
        return undefined
      }
      if (isLoadDoubtful && !hasNextSpoken && !isLeaving) {
        // Of the one greeted, or of the next one: who speaks now is greeted.
        isNextAwaited = true
        return undefined
      }
      if (hasNextSpoken || hasLoaded || isLeaving) return nextHasLoaded()
      hasLoaded = true
      return isGreeted ? undefined : 'expect'
    },
    leaving(hadLoaded) {
      if (hadLoaded && !hasLoaded) {
        isLoadOwed = true
        return undefined
      }
      // It never loaded, so what did was the next one.
      if (hasLoaded && !hadLoaded && !isLoadDoubtful) return nextHasLoaded()
      isLeaving = true
      return undefined
    },
  }
}
