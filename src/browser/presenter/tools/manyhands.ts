/*
 * Tools of ready templates for code that an owner wrote (`/tools/manyhands.js`; each tool has a script and a style of its
 * own beside it). docs/templates.md shows how they are used.
 */
import type { JsonObject } from '../../../lib/bridge.ts'
import { PRESENTER_STRINGS, withTranslation } from '../../../lib/contribute-strings.ts'
import { readFrameDocument } from '../frame-document.ts'
import { followKeys } from '../plain-keys.ts'
import type { Task } from '../task-feed.ts'
import { createTaskPanel } from '../task-panel.ts'
import type { TaskPanel } from '../task-panel.ts'
import { shared } from '../tool.ts'
import type { Reading } from '../tool.ts'

interface ToolInCode {
  /** Shows a task, in place of any other. */
  show(task: Task): Promise<void>
  /** Fetches what a task needs that will be shown next. */
  preload(task: Task): void
  /** What is said now: `{info}`, or `{missing}` with a sentence. */
  read(): Reading
  /** Told when somebody is done with the task on the screen. Only the last listener is told. */
  onSubmit(listener: (info: JsonObject) => void): void
  clear(): void
}

/** @param id of a ready template whose script was loaded. @param settings as the template's form stores them */
function tool(id: string, root: HTMLElement, settings: unknown): ToolInCode {
  const registered = shared().tools.get(id)
  if (!registered) throw new Error(`Load /tools/${id}.js before manyhands.tool('${id}', …).`)
  let listener: (info: JsonObject) => void = () => undefined
  let made: TaskPanel | undefined
  root.classList.add('presenter')
  followKeys((key) => made?.press(key) ?? false)

  const makePanel = (): TaskPanel => {
    const { translations = {} } = shared()
    const strings = withTranslation(PRESENTER_STRINGS, translations)
    root.lang = strings.language
    return createTaskPanel(registered, settings, {
      strings,
      translations,
      siteUrl: readFrameDocument().site,
      onSubmit(info) {
        listener(info)
      },
      onDirty: () => undefined,
    })
  }

  /** Made when it is first needed: code sets its tool up before the visitor's language is known. */
  function panel(): TaskPanel {
    if (!made) {
      made = makePanel()
      root.replaceChildren(made.root)
    }
    return made
  }

  return {
    show: (task) => panel().show(task),
    preload(task) {
      panel().preload(task)
    },
    read: () => panel().read(),
    clear() {
      made?.clear()
    },
    onSubmit(next) {
      listener = next
    },
  }
}

Object.assign(shared(), { tool })
