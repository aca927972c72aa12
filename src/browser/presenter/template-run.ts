import { PRESENTER_STRINGS, filled, withTranslation } from '../../lib/contribute-strings.ts'
import type { BridgeClient } from './bridge-end.ts'
import { element } from './elements.ts'
import { followKeys } from './plain-keys.ts'
import { FeedError, createTaskFeed } from './task-feed.ts'
import type { Task } from './task-feed.ts'
import { createTaskPanel } from './task-panel.ts'
import type { RegisteredTool } from './tool.ts'

/** Shorter waits for a task show nothing new. */
const PATIENCE_MS = 120

/**
 * Runs a ready template in its frame: one task after the other. The next one is on the screen as soon as one is
 * submitted, while the host sends the task run.
 */
export function runTemplate(
  bridge: BridgeClient,
  root: HTMLElement,
  tool: RegisteredTool,
  documentSettings: unknown,
): void {
  const strings = withTranslation(PRESENTER_STRINGS, bridge.init.strings)
  let shown: Task | undefined
  document.documentElement.lang = strings.language

  const feed = createTaskFeed(bridge, {
    showsCompleted: false,
    onUpcoming(task) {
      panel.preload(task)
    },
    onOffline(isOffline) {
      waitText.textContent = isOffline ? strings.offline : strings.loading
    },
    onCompletedSkipped() {
      bridge.send({ type: 'notify', text: strings.completed, notice: 'info', show: true })
    },
  })
  const panel = createTaskPanel(tool, bridge.init.settings ?? documentSettings, {
    strings,
    translations: bridge.init.strings,
    siteUrl: bridge.init.endpoint,
    onSubmit(info) {
      if (!shown) return
      void feed.save(shown.id, info)
      void advance()
    },
    onDirty(dirty) {
      bridge.send({ type: 'dirty', dirty })
    },
    onSkip: skip,
  })
  const waitText = element('p', { role: 'status' }, strings.loading)
  const wait = element('div', { class: 'wait' }, waitText)
  const announcer = element('p', { class: 'announcer', role: 'status' })

  root.classList.add('presenter')
  root.setAttribute('aria-labelledby', panel.question.id)
  root.replaceChildren(panel.root, wait, announcer)
  setState('loading')
  void advance()

  followKeys(panel.press)
  bridge.onMessage((message) => {
    if (message.type === 'key') panel.press(message.key)
    else if (message.type === 'skip') skip()
    else if (message.type === 'settings') panel.apply(message.settings)
  })

  function setState(state: 'loading' | 'task' | 'finished' | 'failed'): void {
    root.dataset['state'] = state
    const isTask = state === 'task'
    panel.root.hidden = !isTask
    wait.hidden = isTask
  }

  function skip(): void {
    if (!shown) return
    void feed.skip(shown.id)
    void advance()
  }

  async function advance(): Promise<void> {
    shown = undefined
    const patience = window.setTimeout(() => {
      waitText.textContent = strings.loading
      panel.clear()
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
    shown = task
    setState('task')
    void panel.show(task)
    announcer.textContent = filled(strings.shown, { question: panel.question.textContent })
    bridge.send({ type: 'taskShown', id: task.id })
  }

  function finish(): void {
    end('finished', strings.finished)
    bridge.send({ type: 'finished' })
  }

  function end(state: 'finished' | 'failed', text: string): void {
    panel.clear()
    waitText.textContent = text
    setState(state)
  }
}
