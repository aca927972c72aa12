/** A number key that was pressed on the page around the frame: on PyBossa that is the presenter's own page. */
export function pressKey(key: string): void {
  // Older presenters compare the code, which for digits is that of the character.
  const keyCode = key.charCodeAt(0)
  for (const type of ['keydown', 'keypress', 'keyup']) {
    const event = new KeyboardEvent(type, { key, code: `Digit${key}`, bubbles: true, cancelable: true })
    for (const name of ['keyCode', 'which']) Object.defineProperty(event, name, { value: keyCode })
    document.body.dispatchEvent(event)
  }
}
