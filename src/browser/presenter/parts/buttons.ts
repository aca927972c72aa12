import { element } from '../elements.ts'

export function textButton(
  text: string,
  onPress: () => void,
  kind: 'quiet' | 'tool' = 'quiet',
): HTMLButtonElement {
  const button = element('button', { type: 'button', class: kind }, text)
  button.addEventListener('click', onPress)
  return button
}

/** A button whose face is a sign; its name is heard, and seen under a mouse. */
export function signButton(
  sign: string,
  name: string,
  onPress: () => void,
  kind: 'quiet' | 'tool' = 'quiet',
): HTMLButtonElement {
  const button = textButton(sign, onPress, kind)
  button.setAttribute('aria-label', name)
  button.title = name
  return button
}
