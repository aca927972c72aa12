import { isObject } from '../../lib/bridge.ts'
import type { Json } from '../../lib/bridge.ts'
import { filled } from '../../lib/contribute-strings.ts'
import type { PresenterStrings } from '../../lib/contribute-strings.ts'
import { readImageClassification } from '../../lib/presenter-settings.ts'
import type { ImageClassificationSettings } from '../../lib/presenter-settings.ts'
import type { BridgeClient } from './bridge-end.ts'
import { element } from './elements.ts'
import { createPicture } from './picture.ts'
import { FeedError, createTaskFeed } from './task-feed.ts'
import type { Task } from './task-feed.ts'

/** Shorter waits for a task show nothing new. */
const PATIENCE_MS = 120
/** The second press of a double-click or of a key comes within this time and is meant for the task before. */
const DOUBLE_PRESS_MS = 350
/** Longer choices get the whole width of a telephone. */
const LONG_CHOICE_CHARS = 24
/** Keys of a task's info that may describe its picture in words. */
const ALT_COLUMNS = ['alt', 'caption', 'title', 'name']

type ViewState = 'loading' | 'task' | 'finished' | 'failed'

/**
 * The ready template "image classification": one picture, one question, one choice. The next task is on the screen
 * as soon as a choice is made, while the host sends the task run. The info of a task run is `{"answer": choice}`.
 */
export function runImageClassification(
  bridge: BridgeClient,
  root: HTMLElement,
  documentSettings: ImageClassificationSettings,
  strings: PresenterStrings,
): void {
  let settings = documentSettings
  let shown: { task: Task; since: number } | undefined
  let mayAnswer = false
  let lastKey = { key: '', at: 0 }

  const feed = createTaskFeed(bridge, {
    showsCompleted: false,
    onUpcoming(task) {
      const url = pictureUrl(task.info, settings.pictureColumn, bridge.init.endpoint)
      if (url !== undefined) picture.preload(url)
    },
    onOffline(isOffline) {
      waitText.textContent = isOffline ? strings.offline : strings.loading
    },
    onCompletedSkipped() {
      bridge.send({ type: 'notify', text: strings.completed, notice: 'info', show: true })
    },
  })
  const picture = createPicture({
    strings,
    onReady() {
      allowAnswers(true)
    },
    onFailed() {
      allowAnswers(false)
    },
    onSkip: skip,
  })
  const question = element('h1', { id: 'question' })
  const choices = element('div', { class: 'choices', role: 'group', 'aria-labelledby': 'question' })
  const hint = element('p', { class: 'key-hint' }, strings.keyHint)
  const panel = element('section', { class: 'panel' }, question, choices, hint)
  const waitText = element('p', { role: 'status' }, strings.loading)
  const wait = element('div', { class: 'wait' }, waitText)
  const announcer = element('p', { class: 'announcer', role: 'status' })

  root.classList.add('image-classification')
  root.setAttribute('aria-labelledby', question.id)
  root.replaceChildren(picture.root, panel, wait, announcer)
  renderSettings()
  setState('loading')
  void advance()

  document.addEventListener('keydown', (event) => {
    const isPlain = !event.repeat && !event.ctrlKey && !event.altKey && !event.metaKey
    if (isPlain && chooseByKey(event.key)) event.preventDefault()
  })
  bridge.onMessage((message) => {
    if (message.type === 'key') chooseByKey(message.key)
    else if (message.type === 'skip') skip()
    else if (message.type === 'settings') {
      settings = readImageClassification(message.settings)
      renderSettings()
      if (shown) showPicture(shown.task)
    }
  })

  function renderSettings(): void {
    question.textContent = settings.question
    choices.classList.toggle(
      'long',
      settings.choices.some((choice) => choice.length > LONG_CHOICE_CHARS),
    )
    choices.replaceChildren(...settings.choices.map(choiceButton))
    allowAnswers(mayAnswer)
  }

  function choiceButton(choice: string, index: number): HTMLButtonElement {
    const key = String(index + 1)
    const button = element(
      'button',
      { type: 'button', class: 'choice', 'aria-keyshortcuts': key },
      element('kbd', { 'aria-hidden': 'true' }, key),
      element('span', {}, choice),
    )
    button.addEventListener('click', (event) => {
      const isSecondPress = event.detail > 1 && performance.now() - (shown?.since ?? 0) < DOUBLE_PRESS_MS
      if (!isSecondPress) choose(index)
    })
    return button
  }

  function allowAnswers(isAllowed: boolean): void {
    mayAnswer = isAllowed
    // Not `disabled`: that would throw the keyboard focus away at every task.
    for (const button of choices.children) button.setAttribute('aria-disabled', String(!isAllowed))
  }

  function setState(state: ViewState): void {
    root.dataset['state'] = state
    const isTask = state === 'task'
    picture.root.hidden = !isTask
    panel.hidden = !isTask
    wait.hidden = isTask
  }

  function chooseByKey(key: string): boolean {
    const index = /^[1-9]$/.test(key) ? Number(key) - 1 : -1
    if (index < 0 || index >= settings.choices.length) return false
    const isSecondPress = key === lastKey.key && performance.now() - lastKey.at < DOUBLE_PRESS_MS
    lastKey = { key, at: performance.now() }
    if (!isSecondPress) choose(index)
    return true
  }

  function choose(index: number): void {
    const choice = settings.choices[index]
    if (!shown || !mayAnswer || choice === undefined) return
    void feed.save(shown.task.id, { answer: choice })
    void advance()
  }

  function skip(): void {
    if (!shown) return
    void feed.skip(shown.task.id)
    void advance()
  }

  async function advance(): Promise<void> {
    shown = undefined
    allowAnswers(false)
    const patience = window.setTimeout(() => {
      waitText.textContent = strings.loading
      setState('loading')
    }, PATIENCE_MS)
    try {
      const task = await feed.next()
      window.clearTimeout(patience)
      if (task) show(task)
      else finish()
    } catch (error) {
      window.clearTimeout(patience)
      const reason = error instanceof FeedError ? error.reason : undefined
      end('failed', filled(strings.refused, { reason: reason ?? strings.refusedUnknown }))
    }
  }

  function show(task: Task): void {
    shown = { task, since: performance.now() }
    setState('task')
    showPicture(task)
    announcer.textContent = filled(strings.shown, { question: settings.question })
    bridge.send({ type: 'taskShown', id: task.id })
  }

  function showPicture({ info }: Task): void {
    allowAnswers(false)
    const alt = textIn(info, ALT_COLUMNS) ?? strings.pictureAlt
    picture.show(pictureUrl(info, settings.pictureColumn, bridge.init.endpoint), alt)
  }

  function finish(): void {
    end('finished', strings.finished)
    bridge.send({ type: 'finished' })
  }

  function end(state: 'finished' | 'failed', text: string): void {
    picture.clear()
    waitText.textContent = text
    setState(state)
  }
}

/** The address of a task's picture; addresses of the site may be relative. Undefined when it is not one. */
function pictureUrl(info: Json, column: string, site: string): string | undefined {
  const written = isObject(info) ? info[column] : undefined
  const url = typeof written === 'string' && written.trim() !== '' ? URL.parse(written.trim(), site) : null
  return url && ['http:', 'https:', 'data:'].includes(url.protocol) ? url.href : undefined
}

function textIn(info: Json, columns: readonly string[]): string | undefined {
  if (!isObject(info)) return undefined
  const texts = columns.map((column) => info[column])
  return texts.find((text): text is string => typeof text === 'string' && text.trim() !== '')
}
