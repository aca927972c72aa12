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
import { isObject } from '../../lib/bridge.ts'
import { upgradeTextArea } from './code-field.ts'
import type { CodeField, CodeMark } from './code-field.ts'
import { setUpPreview } from './code-preview.ts'
import { upgradeComparisons } from './comparison.ts'
import { showConflict } from './draft-conflict.ts'
import { createDraftKeeper } from './draft-keeper.ts'
import type { DraftState } from './draft-keeper.ts'
import type { EditorStrings } from './editor-strings.ts'

const form = document.getElementById('code-form')
if (form instanceof HTMLFormElement) setUpEditor(form)
upgradeComparisons()

interface Part {
  field: CodeField
  warnings: HTMLElement | null
}

function setUpEditor(codeForm: HTMLFormElement): void {
  const strings = JSON.parse(codeForm.dataset['strings'] ?? '{}') as EditorStrings
  const isExample = 'isExample' in codeForm.dataset
  const stateLine = document.getElementById('draft-state')
  const conflict = document.getElementById('draft-conflict')
  const revisionField = codeForm.elements.namedItem('revision')
  const upgrade = (area: Element | RadioNodeList | null) => {
    if (!(area instanceof HTMLTextAreaElement)) throw new Error('The form has no such text area')
    return upgradeTextArea(area, {
      keysHint: strings.keys,
      onChange() {
        keeper.changed()
      },
    })
  }
  const parts: Record<string, Part> = {
    presenter: part('presenter', upgrade(codeForm.elements.namedItem('code'))),
    tutorial: part('tutorial', upgrade(codeForm.elements.namedItem('tutorial'))),
  }
  const text = (name: string) => parts[name]?.field.text() ?? ''
  const fields = () => ({ code: text('presenter'), tutorial: text('tutorial') })

  const keeper = createDraftKeeper({
    url: codeForm.dataset['draftUrl'] ?? '',
    revision: Number(valueOf(codeForm, 'revision')),
    base: valueOf(codeForm, 'base'),
    fields,
    onState(state) {
      if (stateLine) tell(stateLine, state, strings)
      if (revisionField instanceof HTMLInputElement) revisionField.value = String(keeper.revision())
      if (state.kind === 'saved')
        for (const [name, each] of Object.entries(parts)) showWarnings(each, name, state.warnings)
      if (state.kind === 'conflict' && conflict) {
        const { other } = state
        showConflict(conflict, other, {
          strings,
          mine: fields,
          keepMine: () => void keeper.keepMine(other),
          takeOther(theirs) {
            parts['presenter']?.field.setText(theirs.code)
            parts['tutorial']?.field.setText(theirs.tutorial)
            keeper.takeOther(theirs)
          },
        })
      }
    },
  })

  for (const each of Object.values(parts)) {
    each.field.showMarks(marksIn(each.warnings))
    each.warnings?.addEventListener('click', (event) => {
      const link = event.target instanceof Element ? event.target.closest('[data-line]') : null
      if (!(link instanceof HTMLElement)) return
      event.preventDefault()
      each.field.goToLine(Number(link.dataset['line']))
    })
  }
  sendInOrder(codeForm, keeper)
  setUpPreviewOf(keeper)

  function setUpPreviewOf({ flush, revision }: typeof keeper): void {
    const previewForm = document.getElementById('preview-form')
    if (!(previewForm instanceof HTMLFormElement)) return
    setUpPreview(previewForm, {
      strings,
      // A tutorial, and an example of ours, are shown from a draft only.
      store: (shown) => flush({ force: revision() === 0 && (isExample || shown === 'tutorial') }),
      goToLine(shown, line) {
        parts[shown]?.field.goToLine(line)
      },
    })
  }

  function part(name: string, field: CodeField): Part {
    return { field, warnings: document.getElementById(`${name}-warnings`) }
  }

  function showWarnings({ field, warnings }: Part, name: string, found: unknown): void {
    const marks = (Array.isArray(found) ? (found as unknown[]) : []).flatMap((warning) => {
      if (!isObject(warning) || warning['part'] !== name) return []
      const { line, column, text: words } = warning
      return typeof words === 'string' ? [{ line: Number(line), column: Number(column), text: words }] : []
    })
    field.showMarks(marks)
    warnings?.replaceChildren(...marks.map((mark) => warningItem(mark, strings)))
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
  document.getElementById('discard-form')?.addEventListener('submit', (event) => {
    isSending = true
    const field = event.target instanceof HTMLFormElement && event.target.elements.namedItem('revision')
    if (field instanceof HTMLInputElement) field.value = String(keeper.revision())
  })
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
function marksIn(list: HTMLElement | null): CodeMark[] {
  return [...(list?.querySelectorAll('li') ?? [])].map((item) => {
    const link = item.querySelector<HTMLElement>('[data-line]')
    const text = item.textContent.replace(link?.textContent ?? '', '').trim()
    return { line: Number(link?.dataset['line'] ?? 1), column: 1, text }
  })
}

function valueOf(codeForm: HTMLFormElement, name: string): string {
  const field = codeForm.elements.namedItem(name)
  return field instanceof HTMLInputElement ? field.value : ''
}
