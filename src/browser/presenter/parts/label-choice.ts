import { element } from '../elements.ts'

/** Far apart for most eyes, in both colour schemes; the name is always beside the colour. */
const COLOURS = [
  '#0b7285',
  '#d9480f',
  '#5f3dc4',
  '#2b8a3e',
  '#c2255c',
  '#1864ab',
  '#866200',
  '#495057',
  '#862e9c',
] as const

export interface LabelChoice {
  readonly root: HTMLElement
  chosen(): string
  /** Chooses by number key; false when there is no such label. */
  press(key: string): boolean
  colourOf(label: string): `#${string}`
  /** A mark in a label's colour. */
  swatchOf(label: string): HTMLElement
}

/** Labels of which one is chosen, the first one at the beginning; each has a number key and a colour. */
export function createLabelChoice(labels: readonly string[], legend: string): LabelChoice {
  const inputs = labels.map((value, index) =>
    element('input', {
      type: 'radio',
      name: 'label',
      value,
      'aria-keyshortcuts': String(index + 1),
      ...(index === 0 ? { checked: '' } : {}),
    }),
  )
  const options = inputs.map((input, index) =>
    element(
      'label',
      { class: 'label-option' },
      input,
      swatchOf(input.value),
      element('span', {}, input.value),
      element('kbd', { 'aria-hidden': 'true' }, String(index + 1)),
    ),
  )

  function colourOf(label: string): `#${string}` {
    return COLOURS[labels.indexOf(label) % COLOURS.length] ?? COLOURS[0]
  }

  function swatchOf(label: string): HTMLElement {
    const swatch = element('span', { class: 'swatch' })
    swatch.style.background = colourOf(label)
    return swatch
  }

  return {
    root: element(
      'fieldset',
      { class: 'labels' },
      element('legend', {}, legend),
      element('div', { class: 'label-options' }, ...options),
    ),
    chosen: () => inputs.find((input) => input.checked)?.value ?? '',
    press(key) {
      const input = /^[1-9]$/.test(key) ? inputs[Number(key) - 1] : undefined
      if (input) input.checked = true
      return input !== undefined
    },
    colourOf,
    swatchOf,
  }
}
