import type { HostMessage } from '../../lib/bridge.ts'

/** Number keys pressed on the page around the frame answer as they do inside it, except where somebody types. */
export function forwardNumberKeys(send: (message: HostMessage) => void, isWanted: () => boolean): void {
  document.addEventListener('keydown', (event) => {
    const isPlain = !event.repeat && !event.ctrlKey && !event.altKey && !event.metaKey
    if (!isPlain || !/^[1-9]$/.test(event.key) || !isWanted() || isTyping(event.target)) return
    event.preventDefault()
    send({ type: 'key', key: event.key })
  })
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]') !== null
  )
}
