/** Steps of the same size after which growth counts as an echo of our own resizing. */
const ECHO_STEPS = 4

/**
 * Reports the height of the document's content whenever it changes. Content that is always a little taller than its
 * window (`100vh` and a margin) would grow for ever; that is noticed and left alone.
 */
export function followContentHeight(report: (height: number) => void): void {
  let last = 0
  let step = 0
  let echoes = 0

  const observer = new ResizeObserver(() => {
    const height = Math.ceil(document.documentElement.getBoundingClientRect().height)
    const grown = height - last
    echoes = grown > 0 && grown === step ? echoes + 1 : 0
    step = grown
    if (grown === 0 || echoes >= ECHO_STEPS) return
    last = height
    report(height)
  })
  observer.observe(document.documentElement)
}
