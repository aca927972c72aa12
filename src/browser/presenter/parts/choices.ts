import { element } from '../elements.ts'

/** Longer choices get the whole width of a telephone. */
const LONG_CHOICE_CHARS = 24

export interface Choices {
  readonly root: HTMLElement
  /** Which are chosen, in the order of the choices. */
  chosen(): string[]
  clear(): void
  /** Presses the choice with this number key; false when there is none. */
  press(key: string): boolean
  /** Choices that cannot be pressed yet keep the keyboard's focus. */
  enable(isEnabled: boolean): void
  /** What to focus when none is chosen. */
  readonly first: HTMLElement | undefined
}

export interface ChoicesOptions {
  texts: readonly string[]
  /** True keeps what was pressed until it is pressed again; false has nothing chosen but reports each press. */
  several: boolean
  onPress(text: string): void
}

/** Buttons with number keys: one answers at once, or several are chosen. */
export function createChoices({ texts, several, onPress }: ChoicesOptions): Choices {
  const chosen = new Set<string>()
  let isEnabled = true
  const buttons = texts.map(choiceButton)
  const root = element('div', { class: 'choices', role: 'group', 'aria-labelledby': 'question' }, ...buttons)
  root.classList.toggle(
    'long',
    texts.some((text) => text.length > LONG_CHOICE_CHARS),
  )
  clear()

  function choiceButton(text: string, index: number): HTMLButtonElement {
    const key = String(index + 1)
    const button = element(
      'button',
      { type: 'button', class: 'choice' },
      element('kbd', { 'aria-hidden': 'true' }, key),
      element('span', {}, text),
    )
    if (index < 9) button.setAttribute('aria-keyshortcuts', key)
    else button.firstElementChild?.remove()
    button.addEventListener('click', () => {
      press(index)
    })
    return button
  }

  function press(index: number): boolean {
    const text = texts[index]
    if (text === undefined) return false
    if (!isEnabled) return true
    if (several) {
      if (!chosen.delete(text)) chosen.add(text)
      buttons[index]?.setAttribute('aria-pressed', String(chosen.has(text)))
    }
    onPress(text)
    return true
  }

  function clear(): void {
    chosen.clear()
    if (several) for (const button of buttons) button.setAttribute('aria-pressed', 'false')
  }

  return {
    root,
    clear,
    first: buttons[0],
    chosen: () => texts.filter((text) => chosen.has(text)),
    press: (key) => /^[1-9]$/.test(key) && press(Number(key) - 1),
    enable(now) {
      isEnabled = now
      // Not `disabled`: that would throw the keyboard focus away at every task.
      for (const button of buttons) button.setAttribute('aria-disabled', String(!now))
    },
  }
}
