import { isId, isObject } from '../../lib/bridge.ts'
import type { Json } from '../../lib/bridge.ts'
import { readPageSettings } from '../contribute/page-settings.ts'
import { createPageView } from '../contribute/page-view.ts'
import { hostPresenter } from '../contribute/presenter-host.ts'
import { sampleSite } from '../contribute/sample-site.ts'
import { mustFind, mustHave } from '../page-parts.ts'
import type { EditorPart, EditorStrings } from './editor-strings.ts'

export interface PreviewOptions {
  strings: EditorStrings
  /** Stores the text that is to be shown. */
  store(part: EditorPart): Promise<void>
  goToLine(part: EditorPart, line: number): void
}

interface PreviewReply {
  frame: {
    url: string
    origin: string
    sandbox: string
    allow: string
    locale: string
    words: Record<string, string>
  }
  tasks: { id: number; info: Json }[]
}

/** The preview beside the editor: the draft in its real frame, with a task that the owner chose. */
export function setUpPreview(form: HTMLFormElement, options: PreviewOptions): void {
  const root = mustFind('presenter-preview')
  const stage = mustFind('presenter-stage')
  const errors = mustFind('preview-errors')
  const task = mustHave(form, 'task', HTMLInputElement)
  const part = mustHave(form, 'part', HTMLSelectElement)

  form.hidden = false
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const step = event.submitter instanceof HTMLButtonElement ? event.submitter.value : 'show'
    void run(part.value as EditorPart, step)
  })

  async function run(shownPart: EditorPart, step: string): Promise<void> {
    await options.store(shownPart)
    const query = new URLSearchParams({ part: shownPart, task: task.value.trim(), step })
    const response = await fetch(`${form.action}?${query.toString()}`, {
      headers: { Accept: 'application/json' },
    })
    if (!response.ok) {
      say(options.strings.noTask)
      return
    }
    show((await response.json()) as PreviewReply, shownPart)
  }

  function show({ frame, tasks }: PreviewReply, shownPart: EditorPart): void {
    errors.replaceChildren()
    stage.replaceChildren()
    delete stage.dataset['fit']
    Object.assign(root.dataset, {
      frameUrl: frame.url,
      frameOrigin: frame.origin,
      frameSandbox: frame.sandbox,
      frameAllow: frame.allow,
      locale: frame.locale,
      presenterStrings: JSON.stringify(frame.words),
    })
    task.value = String(tasks[0]?.id ?? '')
    const settings = readPageSettings('presenter-preview')
    const view = createPageView(settings)
    const replyTo = sampleSite(
      settings.project,
      tasks.map(({ info }) => info),
    )
    view.hideNotice()
    hostPresenter({
      settings,
      previewSettings: () => null,
      reply(call) {
        if (call.kind === 'taskrun') view.showNotice(settings.strings.previewSaved, 'info')
        const { status, body } = replyTo(call)
        return Promise.resolve({ status, body: withOwnId(body, tasks) })
      },
      onMessage(message) {
        if (message.type === 'taskShown') task.value = String(message.id)
        else if (message.type === 'error') addError(message, shownPart)
        else if (message.type === 'notify') view.notify(message)
      },
      onTrouble() {
        view.showNotice(options.strings.frameSlow, 'error')
      },
    })
  }

  function addError({ text, line }: { text: string; line: number | null }, shownPart: EditorPart): void {
    const item = document.createElement('li')
    if (line !== null) {
      const button = document.createElement('button')
      button.type = 'button'
      button.className = 'linklike'
      button.textContent = options.strings.line.replace('{line}', String(line))
      button.addEventListener('click', () => {
        options.goToLine(shownPart, line)
      })
      item.append(button, ' ')
    }
    item.append(text)
    errors.append(item)
  }
}

/** Samples count from 1; the presenter sees the numbers that its tasks really have. */
function withOwnId(body: Json, tasks: PreviewReply['tasks']): Json {
  if (!isObject(body) || !isId(body['id']) || !('n_answers' in body)) return body
  const own = tasks[(body['id'] - 1) % tasks.length]
  return own === undefined ? body : { ...body, id: own.id }
}

function say(text: string): void {
  const line = mustFind('status-line')
  line.hidden = false
  line.textContent = text
}
