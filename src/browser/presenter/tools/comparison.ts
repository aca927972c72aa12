import { comparison } from '../../../lib/templates/comparison.ts'
import { element } from '../elements.ts'
import { createItemCard } from '../parts/item-card.ts'
import { registerTool } from '../tool.ts'

type Verdict = 'a' | 'b' | 'same'

const KEYS = new Map<string, Verdict>([
  ['1', 'a'],
  ['ArrowLeft', 'a'],
  ['2', 'b'],
  ['ArrowRight', 'b'],
  ['3', 'same'],
])

/** Two items of which one is chosen, by a press that submits at once. Stores `{"answer": "a" | "b" | "same"}`. */
registerTool(comparison, ({ kind, columnA, columnB, mayBeSame }, around) => {
  const { words } = around
  let verdict: Verdict = 'same'
  let isReady = false
  const cardOf = (name: 'A' | 'B', column: string) => createItemCard({ kind, name, column, around })
  const cards = [cardOf('A', columnA), cardOf('B', columnB)]
  const buttons = [
    verdictButton('a', words.chooseA, '1'),
    verdictButton('b', words.chooseB, '2'),
    ...(mayBeSame ? [verdictButton('same', words.same, '3')] : []),
  ]
  const hints = [
    mayBeSame ? words.keyHintSame : words.keyHint,
    ...(kind === 'sound' ? [words.keyHintSounds] : []),
  ]
  enable(false)

  function verdictButton(says: Verdict, text: string, key: string): HTMLButtonElement {
    const button = element(
      'button',
      { type: 'button', class: 'choice', 'aria-keyshortcuts': key },
      element('kbd', { 'aria-hidden': 'true' }, key),
      element('span', {}, text),
    )
    button.addEventListener('click', () => {
      choose(says)
    })
    return button
  }

  function enable(now: boolean): void {
    isReady = now
    // Not `disabled`: that would throw the keyboard focus away at every task.
    for (const button of buttons) button.setAttribute('aria-disabled', String(!now))
  }

  function choose(says: Verdict): void {
    if (!isReady) return
    verdict = says
    around.submit()
  }

  return {
    root: element('div', { class: 'pair' }, ...cards.map((card) => card.root)),
    controls: element(
      'div',
      { class: 'controls' },
      element('div', { class: 'choices', role: 'group', 'aria-labelledby': 'question' }, ...buttons),
      element('p', { class: 'key-hint' }, hints.join('. ')),
    ),
    layout: 'below',
    submitsItself: true,
    async show(task) {
      enable(false)
      await Promise.all(cards.map((card) => card.show(task.info)))
      enable(true)
    },
    read: () => ({ info: { answer: verdict } }),
    preload(task) {
      for (const card of cards) card.preload(task.info)
    },
    key(key) {
      const card = cards[['a', 'b'].indexOf(key.toLowerCase())]
      if (card?.play()) return true
      const says = KEYS.get(key)
      if (says === undefined || (says === 'same' && !mayBeSame)) return false
      choose(says)
      return true
    },
    clear() {
      for (const card of cards) card.clear()
      enable(false)
    },
  }
})
