import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands'
import { html } from '@codemirror/lang-html'
import { bracketMatching, foldGutter, foldKeymap, indentOnInput } from '@codemirror/language'
import { lintGutter, lintKeymap, setDiagnostics } from '@codemirror/lint'
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search'
import { EditorState } from '@codemirror/state'
import type { Extension } from '@codemirror/state'
import {
  EditorView,
  drawSelection,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from '@codemirror/view'
import { codeTheme } from './code-theme.ts'

/** A warning about a place of the code, counted from 1. */
export interface CodeMark {
  line: number
  column: number
  text: string
}

/** An editor that stands in the place of a text area. */
export interface CodeField {
  text(): string
  setText(text: string): void
  showMarks(marks: readonly CodeMark[]): void
  /** Puts the cursor into a line and shows it. */
  goToLine(line: number): void
}

export interface CodeFieldOptions {
  /** How to leave the editor by keyboard. */
  keysHint: string
  onChange(): void
}

/** What reading and comparing code needs, without changing it. */
export const readingCode: Extension = [
  lineNumbers(),
  highlightSpecialChars(),
  drawSelection(),
  bracketMatching(),
  html({ matchClosingTags: false }),
  EditorView.lineWrapping,
  codeTheme,
]

const writingCode: Extension = [
  readingCode,
  history(),
  foldGutter(),
  lintGutter(),
  indentOnInput(),
  closeBrackets(),
  autocompletion(),
  highlightActiveLine(),
  highlightActiveLineGutter(),
  highlightSelectionMatches(),
  search({ top: true }),
  keymap.of([
    ...closeBracketsKeymap,
    ...defaultKeymap,
    ...searchKeymap,
    ...historyKeymap,
    ...foldKeymap,
    ...completionKeymap,
    ...lintKeymap,
    indentWithTab,
  ]),
]

/** Puts an editor in the place of a text area, which stays the field that its form sends. */
export function upgradeTextArea(area: HTMLTextAreaElement, options: CodeFieldOptions): CodeField {
  const label = area.form?.querySelector<HTMLLabelElement>(`label[for="${area.id}"]`)
  const { host, parent, hintId } = hostBeside(area, options.keysHint)
  const view = new EditorView({
    // Style sheets made by script are allowed in a shadow tree only.
    root: parent.getRootNode() as ShadowRoot,
    parent,
    state: EditorState.create({
      doc: area.value,
      extensions: [
        writingCode,
        EditorView.contentAttributes.of({
          'aria-label': label?.textContent ?? '',
          'aria-describedby': hintId,
          'aria-multiline': 'true',
        }),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return
          area.value = update.state.doc.toString()
          options.onChange()
        }),
      ],
    }),
  })
  area.hidden = true
  label?.addEventListener('click', () => {
    view.focus()
  })
  // Links to the field, such as those of a refused form, mean the editor.
  area.addEventListener('focus', () => {
    view.focus()
  })
  host.dataset['for'] = area.id

  return {
    text: () => view.state.doc.toString(),
    setText(text) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } })
    },
    showMarks(marks) {
      const diagnostics = marks.map(({ line, column, text: message }) => {
        const { from, to } = rangeOf(view.state, line, column)
        return { from, to, message, severity: 'warning' as const }
      })
      view.dispatch(setDiagnostics(view.state, diagnostics))
    },
    goToLine(line) {
      const { from } = rangeOf(view.state, line, 1)
      view.dispatch({
        selection: { anchor: from },
        effects: EditorView.scrollIntoView(from, { y: 'center' }),
      })
      view.focus()
      host.scrollIntoView({ block: 'nearest' })
    },
  }
}

function hostBeside(area: HTMLTextAreaElement, keysHint: string) {
  const host = document.createElement('div')
  host.className = 'code-field'
  area.after(host)
  const root = host.attachShadow({ mode: 'open' })
  const parent = document.createElement('div')
  const hint = document.createElement('p')
  const hintId = `${area.id}-keys`
  parent.setAttribute('part', 'editor')
  hint.setAttribute('part', 'hint')
  hint.id = hintId
  hint.textContent = keysHint
  root.append(parent, hint)
  return { host, parent, hintId }
}

/** From a place to the end of its line; a text that was changed since may have fewer lines. */
function rangeOf(state: EditorState, line: number, column: number): { from: number; to: number } {
  const { from, to } = state.doc.line(Math.min(Math.max(line, 1), state.doc.lines))
  return { from: Math.min(from + column - 1, to), to }
}
