import { MergeView } from '@codemirror/merge'
import { EditorState } from '@codemirror/state'
import type { Extension } from '@codemirror/state'
import { EditorView } from '@codemirror/view'
import { readingCode } from './code-field.ts'

export interface ComparedText {
  label: string
  text: string
}

/** Shows two texts side by side, what is the same folded away. */
export function compareTexts(host: HTMLElement, before: ComparedText, after: ComparedText): void {
  const shadow = host.shadowRoot ?? host.attachShadow({ mode: 'open' })
  const parent = document.createElement('div')
  parent.setAttribute('part', 'comparison')
  shadow.replaceChildren(sidesOf(before.label, after.label), parent)
  new MergeView({
    a: { doc: before.text, extensions: readOnly(before.label) },
    b: { doc: after.text, extensions: readOnly(after.label) },
    root: shadow,
    parent,
    gutter: true,
    highlightChanges: true,
    collapseUnchanged: { margin: 3, minSize: 6 },
  })
}

function sidesOf(...labels: string[]): HTMLElement {
  const sides = document.createElement('div')
  sides.setAttribute('part', 'sides')
  for (const label of labels)
    sides.append(Object.assign(document.createElement('span'), { textContent: label }))
  return sides
}

function readOnly(label: string): Extension {
  return [
    readingCode,
    EditorState.readOnly.of(true),
    EditorView.editable.of(false),
    EditorView.contentAttributes.of({
      'aria-label': label,
      role: 'textbox',
      'aria-readonly': 'true',
      tabindex: '0',
    }),
  ]
}

/** On the page that compares two versions the plain text gives way to the two side by side, where there is room. */
export function upgradeComparisons(): void {
  if (!window.matchMedia('(min-width: 720px)').matches) return
  for (const compared of document.querySelectorAll<HTMLElement>('[data-compares]')) {
    const side = (name: string) =>
      compared.querySelector<HTMLTemplateElement>(`template[data-side="${name}"]`)?.content.textContent ?? ''
    const host = document.createElement('div')
    host.className = 'code-comparison'
    const { from: fromLabel = '', to: toLabel = '' } = compared.dataset
    const [from, to] = [side('from'), side('to')]
    compared.replaceChildren(host)
    compareTexts(host, { label: fromLabel, text: from }, { label: toLabel, text: to })
  }
}
