import type { JsonObject } from '../../lib/bridge.ts'
import { withTranslation } from '../../lib/contribute-strings.ts'
import type { PresenterStrings } from '../../lib/contribute-strings.ts'
import { readSettings } from '../../lib/templates/settings.ts'
import type { ReadyTemplate } from '../../lib/templates/template.ts'
import { createCommentBox } from './comment-box.ts'
import { element } from './elements.ts'
import { createMissingNote } from './missing-note.ts'
import { guardSecondPresses } from './press-guard.ts'
import type { Reading, RegisteredTool, Tool } from './tool.ts'
import type { Task } from './task-feed.ts'

/** Shorter waits show nothing new: a flash of "loading" is worse than the wait. */
const PATIENCE_MS = 120

export interface PanelOptions {
  strings: PresenterStrings
  /** Translations of the template's words, with the template's id in front of their keys. */
  translations: Readonly<Record<string, string>>
  siteUrl: string
  /** Somebody is done with the task on the screen. */
  onSubmit(info: JsonObject): void
  /** Whether leaving would lose something. */
  onDirty(isDirty: boolean): void
  /** Given where a task can be passed over when its media fail. */
  onSkip?: () => void
}

export interface TaskPanel {
  readonly root: HTMLElement
  readonly question: HTMLElement
  /** Shows a task; resolves when it can be worked on, or a failure is on the screen. */
  show(task: Task): Promise<void>
  preload(task: Task): void
  read(): Reading
  /** A key pressed where nobody types; true when it meant something. */
  press(key: string): boolean
  /** Sets the template anew, with the same task. */
  apply(settings: unknown): void
  clear(): void
}

/** Everything of a ready template that is on the screen for one task: its tool, and what all tools need around them. */
export function createTaskPanel(
  { template, create }: RegisteredTool,
  documentSettings: unknown,
  options: PanelOptions,
): TaskPanel {
  const { strings } = options
  const view = createPanelView(strings)
  const note = createMissingNote(view.foot)
  const comment = createCommentBox(strings, changed)
  const guard = guardSecondPresses(view.root)
  let settings = sharedSettings(template, documentSettings)
  let tool = makeTool(documentSettings)
  let toolSettings = ofTool(documentSettings)
  let task: Task | undefined
  let turn = 0
  let isReady = false
  let isDirty = false

  view.submit.addEventListener('click', submit)
  view.retry.addEventListener('click', () => {
    if (task) void present(task)
  })
  if (options.onSkip) view.skip.addEventListener('click', options.onSkip)
  else view.skip.remove()
  arrange()

  function makeTool(values: unknown): Tool {
    return create(values, {
      strings,
      words: wordsOf(template, options.translations),
      siteUrl: options.siteUrl,
      submit,
      changed,
    })
  }

  function arrange(): void {
    view.arrange(tool, settings)
    // Who answers by one press has to have said the rest before.
    if (tool.submitsItself === true) view.foot.prepend(comment.root)
    else view.submit.before(comment.root)
    comment.root.hidden = !settings.commentBox
  }

  function changed(): void {
    note.clear()
    setDirty(true)
  }

  function setDirty(now: boolean): void {
    if (now === isDirty) return
    isDirty = now
    options.onDirty(now)
  }

  function read(): Reading {
    const reading = tool.read()
    const text = settings.commentBox ? comment.text() : ''
    return 'info' in reading && text !== '' ? { info: { ...reading.info, comment: text } } : reading
  }

  function submit(): void {
    if (!task || !isReady) return
    const reading = read()
    if ('missing' in reading) {
      note.show(reading)
      return
    }
    setDirty(false)
    options.onSubmit(reading.info)
  }

  async function present(shown: Task): Promise<void> {
    turn += 1
    const ownTurn = turn
    isReady = false
    view.setState('pending')
    const patience = window.setTimeout(() => {
      view.setState('loading')
    }, PATIENCE_MS)
    const failure = await tool.show(shown).then(
      () => undefined,
      (error: unknown) => error,
    )
    window.clearTimeout(patience)
    if (ownTurn !== turn) return
    isReady = failure === undefined
    if (isReady) view.setState('ready')
    else view.fail(failure)
  }

  function press(key: string): boolean {
    if (!task || guard.isSecond(key)) return task !== undefined
    if (isReady && tool.key?.(key) === true) return true
    const isAtQuestion = document.activeElement === view.question || document.activeElement === document.body
    if (key !== 'Enter' || !isAtQuestion || tool.submitsItself === true) return false
    submit()
    return true
  }

  return {
    root: view.root,
    question: view.question,
    read,
    press,
    show(next) {
      // Choices keep the focus from task to task; and whoever is on the page around the frame stays there.
      if (turn > 0 && tool.submitsItself !== true && document.hasFocus()) view.question.focus()
      task = next
      guard.renew()
      note.clear()
      comment.clear()
      setDirty(false)
      return present(next)
    },
    preload(next) {
      tool.preload?.(next)
    },
    apply(values) {
      settings = sharedSettings(template, values)
      const wanted = ofTool(values)
      if (wanted !== toolSettings) {
        tool.clear()
        tool = makeTool(values)
        toolSettings = wanted
        if (task) void present(task)
      }
      arrange()
    },
    clear() {
      turn += 1
      task = undefined
      isReady = false
      setDirty(false)
      tool.clear()
    },
  }
}

interface SharedSettings {
  question: string
  instructions: string
  commentBox: boolean
}

const SHARED_FIELDS = new Set(['question', 'instructions', 'commentBox'])

function sharedSettings(template: ReadyTemplate, settings: unknown): SharedSettings {
  const { question, instructions, commentBox } = readSettings(template, settings)
  return {
    question: typeof question === 'string' ? question : '',
    instructions: typeof instructions === 'string' ? instructions : '',
    commentBox: commentBox === true,
  }
}

/** What makes another tool of it when it changes. */
function ofTool(settings: unknown): string {
  return JSON.stringify(settings, (name, value: unknown) => (SHARED_FIELDS.has(name) ? undefined : value))
}

function wordsOf(
  { id, words }: ReadyTemplate,
  translations: Readonly<Record<string, string>>,
): Record<string, string> {
  const start = `${id}.`
  const own = Object.entries(translations)
    .filter(([key]) => key.startsWith(start))
    .map(([key, text]): [string, string] => [key.slice(start.length), text])
  return withTranslation(words, Object.fromEntries(own))
}

/** The elements of the panel, in the order of reading that a tool's layout asks for. */
function createPanelView(strings: PresenterStrings) {
  const question = element('h1', { id: 'question', tabindex: '-1' })
  const instructions = element('p', { class: 'instructions' })
  const head = element('div', { class: 'task-head' }, question, instructions)
  const submit = element('button', { type: 'button', class: 'submit' }, strings.submit)
  const foot = element('div', { class: 'task-foot' }, submit)
  const loading = element('p', { class: 'stage-note' }, strings.mediaLoading)
  const failureText = element('p')
  const retry = element('button', { type: 'button', class: 'quiet' }, strings.retry)
  const skip = element('button', { type: 'button', class: 'quiet' }, strings.skip)
  const failure = element('div', { class: 'stage-note', role: 'alert' }, failureText, retry, skip)
  const medium = element('div', { class: 'medium' })
  const stage = element('div', { class: 'stage' }, medium, loading, failure)
  const side = element('section', { class: 'side', 'aria-labelledby': question.id })
  const root = element('div', { class: 'task' })
  setState('pending')

  function setState(state: 'pending' | 'loading' | 'ready' | 'failed'): void {
    root.dataset['state'] = state
    loading.hidden = state !== 'loading'
    failure.hidden = state !== 'failed'
  }

  return {
    root,
    question,
    foot,
    submit,
    retry,
    skip,
    setState,
    fail(error: unknown) {
      const isMedia = error instanceof Error && error.name === 'MediaError'
      if (!isMedia) reportError(error)
      failureText.textContent = isMedia ? error.message : strings.mediaFailed
      retry.hidden = isMedia && 'mayRetry' in error && error.mayRetry === false
      setState('failed')
    },
    arrange(tool: Tool, settings: SharedSettings) {
      question.textContent = settings.question
      instructions.textContent = settings.instructions
      instructions.hidden = settings.instructions === ''
      submit.hidden = tool.submitsItself === true
      medium.replaceChildren(...(tool.root ? [tool.root] : []))
      stage.hidden = !tool.root
      foot.replaceChildren(...(tool.controls ? [tool.controls] : []), submit)
      root.dataset['layout'] = tool.layout
      const isBeside = tool.layout === 'beside'
      side.replaceChildren(...(isBeside ? [head, foot] : [head, stage, foot]))
      root.replaceChildren(...(isBeside ? [stage, side] : [side]))
    },
  }
}
