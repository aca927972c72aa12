import type { NoticeType } from '../../lib/bridge.ts'
import { filled } from '../../lib/contribute-strings.ts'
import { mustFind } from '../page-parts.ts'
import type { PageSettings } from './page-settings.ts'
import type { QueueState } from './run-queue.ts'

export type PageState = 'loading' | 'tutorial' | 'task' | 'finished' | 'failed'

export interface PageView {
  setState(state: PageState): void
  showCounts(queue: QueueState): void
  /** Says at the end that what was skipped comes back. */
  showSkipped(count: number): void
  showNotice(text: string, type: NoticeType): void
  /** Shows or takes away what the frame has to say. */
  notify(notice: { text: string; notice: NoticeType; show: boolean }): void
  /** A notice with a button that does something about it. */
  showProblem(text: string, button: { text: string; press(): void }): void
  hideNotice(): void
  /** Shows the button that takes the last task run back, for so long or until the next one is stored. */
  offerUndo(milliseconds: number, press: () => Promise<void>): void
}

/** All that the script writes on the page around the frame: texts and visibility, nothing else. */
export function createPageView(settings: PageSettings): PageView {
  const { root, strings } = settings
  const locale = document.documentElement.lang
  const plural = new Intl.PluralRules(locale)
  const number = new Intl.NumberFormat(locale)
  let undoTimer: ReturnType<typeof setTimeout> | undefined

  function counted(
    key: 'ownCount' | 'projectProgress' | 'waiting' | 'skipped',
    count: number,
    values: Record<string, string> = {},
  ): string {
    const category = plural.select(count)
    const text = (strings as Record<string, string>)[`${key}_${category}`] ?? strings[`${key}_other`]
    return filled(text, { ...values, count: number.format(count) })
  }

  function showProgress(given: number): void {
    const { answersWanted: wanted } = settings
    const words = counted('projectProgress', wanted, { given: number.format(given) })
    const container = document.getElementById('project-progress')
    const bar = container?.querySelector('progress')
    if (bar) {
      bar.max = Math.max(wanted, 1)
      bar.value = Math.min(given, bar.max)
    }
    setText(container?.querySelector('[data-progress-text]') ?? (bar ? null : container), words)
  }

  function showSaveState({ saving, waiting, saved }: QueueState): void {
    const element = document.getElementById('save-state')
    if (!element) return
    const state = saveStateOf({ saving, waiting, saved })
    const words = {
      idle: '',
      saving: strings.saving,
      saved: strings.saved,
      waiting: counted('waiting', waiting),
    }
    element.dataset['state'] = state
    setText(element, words[state])
  }

  return {
    setState(state) {
      root.dataset['state'] = state
      settings.stage.hidden = state === 'tutorial' || state === 'finished'
      setHidden('tutorial-panel', state !== 'tutorial')
      setHidden('finished-panel', state !== 'finished')
      document.getElementById('show-help')?.setAttribute('aria-expanded', String(state === 'tutorial'))
      const skip = document.getElementById('skip-task')
      if (skip instanceof HTMLButtonElement) {
        skip.disabled = state !== 'task'
        skip.hidden = state === 'finished'
      }
    },
    showCounts(queue) {
      setText(document.getElementById('own-count'), counted('ownCount', settings.ownCount + queue.saved))
      showProgress(settings.answersGiven + queue.saved)
      showSaveState(queue)
    },
    showSkipped(count) {
      if (count > 0) setText(document.getElementById('finished-text'), counted('skipped', count))
    },
    showNotice(text, type) {
      setNotice(text, type)
    },
    notify({ text, notice, show }) {
      setNotice(show ? text : '', notice)
    },
    showProblem(text, { text: label, press }) {
      const line = setNotice(text, 'error')
      const button = document.createElement('button')
      button.type = 'button'
      button.textContent = label
      button.addEventListener('click', press)
      line.append(' ', button)
    },
    hideNotice() {
      setNotice('', 'info')
    },
    offerUndo(milliseconds, press) {
      const button = document.getElementById('undo-task-run')
      if (!button) return
      clearTimeout(undoTimer)
      button.hidden = false
      button.onclick = () => {
        button.hidden = true
        void press()
      }
      undoTimer = setTimeout(() => {
        button.hidden = true
      }, milliseconds)
    },
  }
}

function saveStateOf({ saving, waiting, saved }: QueueState): 'idle' | 'saving' | 'saved' | 'waiting' {
  if (waiting > 0) return 'waiting'
  if (saving > 0) return 'saving'
  return saved > 0 ? 'saved' : 'idle'
}

function setNotice(text: string, type: NoticeType): HTMLElement {
  const line = mustFind('status-line')
  line.hidden = text === ''
  line.dataset['type'] = type
  line.textContent = text
  return line
}

function setHidden(id: string, hidden: boolean): void {
  const element = document.getElementById(id)
  if (element) element.hidden = hidden
}

function setText(element: Element | null, text: string): void {
  if (element && element.textContent !== text) element.textContent = text
}
