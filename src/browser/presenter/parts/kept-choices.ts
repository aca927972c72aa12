import type { Json } from '../../../lib/bridge.ts'
import { element } from '../elements.ts'
import { createChoices } from './choices.ts'

export interface KeptChoicesOptions {
  texts: readonly string[]
  several: boolean
  /** True when a press is all that a task wants. */
  submitsItself: boolean
  submit(): void
  changed(): void
}

export interface KeptChoices {
  readonly root: HTMLElement
  readonly first: HTMLElement | undefined
  /** The choice, a list of them when there may be several, undefined when there is none yet. */
  answer(): Json | undefined
  press(key: string): boolean
  clear(): void
  enable(isEnabled: boolean): void
}

/** Choices that stand beside something else to do: they stay chosen until the task is submitted. */
export function createKeptChoices(options: KeptChoicesOptions): KeptChoices {
  const { texts, several, submitsItself } = options
  let pressed: string | undefined
  const choices = createChoices({
    texts,
    several: !submitsItself,
    onPress(text) {
      pressed = text
      if (submitsItself) options.submit()
      else if (!several && choices.chosen().length > 1) keepOnly(text)
      else options.changed()
    },
  })

  function keepOnly(text: string): void {
    choices.clear()
    choices.press(String(texts.indexOf(text) + 1))
  }

  return {
    root: element('div', { 'data-field': '' }, choices.root),
    first: choices.first,
    answer() {
      if (submitsItself) return pressed
      const chosen = choices.chosen()
      return several && chosen.length > 0 ? chosen : chosen[0]
    },
    press: choices.press,
    enable: choices.enable,
    clear() {
      pressed = undefined
      choices.clear()
    },
  }
}
