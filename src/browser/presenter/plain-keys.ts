/** Tells of keys pressed alone, where nobody types; a key that meant something does nothing else. */
export function followKeys(press: (key: string) => boolean): void {
  document.addEventListener('keydown', (event) => {
    const isPlain = !event.repeat && !event.ctrlKey && !event.altKey && !event.metaKey
    if (event.defaultPrevented || !isPlain || isTyping(event.target)) return
    if (press(event.key)) event.preventDefault()
  })
}

function isTyping(target: EventTarget | null): boolean {
  const fields = 'input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]'
  return target instanceof HTMLElement && target.closest(fields) !== null
}
