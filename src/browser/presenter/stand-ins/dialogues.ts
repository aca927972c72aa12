const OPENED =
  '.modal.in, dialog[open], [role=dialog], #pybossa-notification.alert-danger, #pybossa-notification.alert-warning'
const MARGIN = 40

/**
 * Shows what opens in front of the task. The frame is as high as its content, so a dialogue opens at its top, which may be
 * out of sight, and may be higher than the frame.
 */
export function showDialogues(reveal: (top: number, height: number) => void): void {
  const shown = new Set<Element>()

  function look(): void {
    for (const element of shown) if (!isVisible(element)) shown.delete(element)
    for (const element of document.querySelectorAll(OPENED)) {
      if (shown.has(element) || !isVisible(element)) continue
      shown.add(element)
      show(element.querySelector('.modal-dialog') ?? element)
    }
    if (shown.size === 0) document.documentElement.style.minHeight = ''
  }

  function show(element: Element): void {
    const { top, height } = element.getBoundingClientRect()
    document.documentElement.style.minHeight = `${Math.ceil(top + height + MARGIN)}px`
    reveal(top, height)
  }

  let isWaiting = false
  new MutationObserver(() => {
    if (isWaiting) return
    isWaiting = true
    requestAnimationFrame(() => {
      isWaiting = false
      look()
    })
  }).observe(document, {
    subtree: true,
    childList: true,
    attributes: true,
    attributeFilter: ['class', 'style', 'open', 'hidden'],
  })
}

function isVisible(element: Element): boolean {
  return element.isConnected && element.checkVisibility()
}
