/*
 * The script of the pages on which an owner writes and compares presenters (entry `editor`). Both work without it: the
 * code is a text area, its draft is saved by a button, and a comparison is plain text.
 *
 *   #code-form         with the fields code, tutorial, revision and base; data-draft-url takes the draft as JSON,
 *                      data-strings holds the words of EditorStrings, data-is-example says that nothing is stored yet
 *   #draft-state       is told how the draft stands; #draft-conflict is where the owner chooses
 *   #presenter-warnings, #tutorial-warnings    lists of what the check found, with links to [data-line]
 *   #preview-form      see code-preview.ts
 *   [data-compares]    see comparison.ts
 */
import { mustFind, mustHave } from '../page-parts.ts'
import { upgradeTextArea } from './code-field.ts'
import type { CodeField, CodeMark } from './code-field.ts'
import { setUpPreview } from './code-preview.ts'
import { upgradeComparisons } from './comparison.ts'
import { showConflict } from './draft-conflict.ts'
import { createDraftKeeper } from './draft-keeper.ts'
import type { DraftState, DraftWarning } from './draft-keeper.ts'
import { EDITOR_PARTS } from './editor-strings.ts'
import type { EditorPart, EditorStrings } from './editor-strings.ts'

const form = document.getElementById('code-form')
if (form instanceof HTMLFormElement) setUpEditor(form)
upgradeComparisons()

interface Part {
  field: CodeField
  warnings: HTMLElement
}

function setUpEditor(codeForm: HTMLFormElement): void {
  const strings = JSON.parse(codeForm.dataset['strings'] ?? '{}') as EditorStrings
  const isExample = 'isExample' in codeForm.dataset
  const stateLine = mustFind('draft-state')
  const conflict = mustFind('draft-conflict')
  const revisionField = mustHave(codeForm, 'revision', HTMLInputElement)
  const parts: Record<EditorPart, Part> = {
    presenter: part('presenter', 'code'),
    tutorial: part('tutorial', 'tutorial'),
  }
  const fields = () => ({ code: parts.presenter.field.text(), tutorial: parts.tutorial.field.text() })

  const keeper = createDraftKeeper({
    url: codeForm.dataset['draftUrl'] ?? '',
    revision: Number(revisionField.value),
    base: mustHave(codeForm, 'base', HTMLInputElement).value,
    fields,
    onState(state) {
      tell(stateLine, state, strings)
      revisionField.value = String(keeper.revision())
      if (state.kind === 'saved') for (const name of EDITOR_PARTS) showWarnings(name, state.warnings)
      if (state.kind === 'conflict') {
        const { other } = state
        showConflict(conflict, other, {
          strings,
          mine: fields,
          keepMine: () => void keeper.keepMine(other),
          takeOther(theirs) {
            parts.presenter.field.setText(theirs.code)
            parts.tutorial.field.setText(theirs.tutorial)
            keeper.takeOther(theirs)
          },
        })
      }
    },
  })

  for (const each of Object.values(parts)) {
    each.field.showMarks(marksIn(each.warnings))
    each.warnings.addEventListener('click', (event) => {
      const link = event.target
      if (!(link instanceof HTMLElement) || !('line' in link.dataset)) return
      event.preventDefault()
      each.field.goToLine(Number(link.dataset['line']))
    })
  }
  sendInOrder(codeForm, keeper)
  setUpPreview(mustFind('preview-form', HTMLFormElement), {
    strings,
    // A tutorial, and an example of ours, are shown from a draft only.
    store: (shown) => keeper.flush({ force: keeper.revision() === 0 && (isExample || shown === 'tutorial') }),
    goToLine(shown, line) {
      parts[shown].field.goToLine(line)
    },
  })

  function part(name: EditorPart, fieldName: string): Part {
    const field = upgradeTextArea(mustHave(codeForm, fieldName, HTMLTextAreaElement), {
      keysHint: strings.keys,
      onChange() {
        keeper.changed()
      },
    })
    return { field, warnings: mustFind(`${name}-warnings`) }
  }

  function showWarnings(name: EditorPart, found: readonly DraftWarning[]): void {
    const { field, warnings } = parts[name]
    const marks = found.filter((warning) => warning.part === name)
    field.showMarks(marks)
    warnings.replaceChildren(...marks.map((mark) => warningItem(mark, strings)))
  }
}

/** A form is sent after the draft that is under way, so that what it publishes is not found changed. */
function sendInOrder(codeForm: HTMLFormElement, keeper: ReturnType<typeof createDraftKeeper>): void {
  let isSending = false

  codeForm.addEventListener('submit', (event) => {
    isSending ||= !keeper.isUnsaved()
    if (isSending) return
    event.preventDefault()
    const { submitter } = event
    void keeper.flush().then(() => {
      isSending = true
      // Not before this event has ended: until then the form takes no other.
      setTimeout(() => {
        codeForm.requestSubmit(submitter)
      })
    })
  })
  const discardForm = document.getElementById('discard-form')
  if (discardForm instanceof HTMLFormElement) {
    const revision = mustHave(discardForm, 'revision', HTMLInputElement)
    discardForm.addEventListener('submit', () => {
      isSending = true
      revision.value = String(keeper.revision())
    })
  }
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden' && !isSending) void keeper.flush()
  })
  window.addEventListener('beforeunload', (event) => {
    if (isSending || !keeper.isUnsaved()) return
    void keeper.flush()
    event.preventDefault()
  })
}

function tell(line: HTMLElement, state: DraftState, strings: EditorStrings): void {
  line.dataset['state'] = state.kind
  line.textContent = wordsFor(state, strings)
}

function wordsFor(state: DraftState, strings: EditorStrings): string {
  switch (state.kind) {
    case 'saved': {
      const time = state.time.toLocaleTimeString(document.documentElement.lang, { timeStyle: 'short' })
      return strings.saved.replace('{time}', time)
    }
    case 'refused':
      return strings.refused.replace('{reason}', state.reason)
    case 'conflict':
      return strings.unsaved
    default:
      return strings[state.kind]
  }
}

function warningItem({ line, text }: CodeMark, strings: EditorStrings): HTMLElement {
  const item = document.createElement('li')
  const link = document.createElement('a')
  link.href = '#code'
  link.dataset['line'] = String(line)
  link.textContent = strings.line.replace('{line}', String(line))
  item.append(link, ` ${text}`)
  return item
}

/** What the page lists already. */
function marksIn(list: HTMLElement): CodeMark[] {
  return [...list.querySelectorAll('li')].map((item) => {
    const [, words] = item.childNodes
    return { line: item.value, column: 1, text: words?.textContent?.trim() ?? '' }
  })
}
