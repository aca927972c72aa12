/*
 * The script of a page that previews a presenter (entry `presenter-preview`). What the page has to offer:
 *
 *   #presenter-preview     the root, with what tells of the frame, data-project-id, data-short-name, data-project-name,
 *                          data-project-description and data-strings as on the contribute page (contribute.ts), and
 *     data-sample-tasks      JSON: the info of some tasks, as a list; they are shown over and over
 *     data-sample-columns    JSON: settings that the samples want whatever the form says (optional)
 *     data-form              id of the form that is being filled in (optional): what is typed shows at once. Its fields
 *                            are those of a template's form, and `template` names the template.
 *   #presenter-stage       where the frame is put
 *   #skip-task, #status-line    as on the contribute page (optional)
 *
 * Nothing is asked of the site and nothing is saved.
 */
import type { Json, JsonObject } from '../../lib/bridge.ts'
import { findTemplate } from '../../lib/templates/index.ts'
import { typedSettings } from '../../lib/templates/settings.ts'
import { followAskedFields } from './asked-fields.ts'
import { forwardNumberKeys } from './number-keys.ts'
import { readPageSettings } from './page-settings.ts'
import { createPageView } from './page-view.ts'
import { hostPresenter } from './presenter-host.ts'
import { sampleSite } from './sample-site.ts'

startPreview()

function startPreview(): void {
  const settings = readPageSettings('presenter-preview')
  const view = createPageView(settings)
  const samples = JSON.parse(settings.root.dataset['sampleTasks'] ?? '[]') as Json[]
  const form = document.getElementById(settings.root.dataset['form'] ?? '')
  // Sample tasks have their own columns.
  const columns = JSON.parse(settings.root.dataset['sampleColumns'] ?? '{}') as JsonObject
  const typed = () => (form instanceof HTMLFormElement ? settingsIn(form, columns) : null)
  const replyTo = sampleSite(settings.project, samples)

  const host = hostPresenter({
    settings,
    previewSettings: typed,
    reply(call) {
      if (call.kind === 'taskrun') view.showNotice(settings.strings.previewSaved, 'info')
      return Promise.resolve(replyTo(call))
    },
    onMessage(message) {
      if (message.type === 'taskShown') view.setState('task')
      else if (message.type === 'finished') view.showNotice(settings.strings.previewEmpty, 'info')
      else if (message.type === 'notify') view.notify(message)
    },
    onTrouble(trouble) {
      const press = () => {
        location.reload()
      }
      view.showProblem(settings.strings[trouble], { text: settings.strings.tryAgain, press })
    },
  })

  if (form instanceof HTMLFormElement) followAskedFields(form)
  form?.addEventListener('input', () => {
    const changed = typed()
    if (changed) host.send({ type: 'settings', settings: changed })
  })
  forwardNumberKeys(host.send, () => samples.length > 0)
  document.getElementById('skip-task')?.addEventListener('click', () => {
    host.send({ type: 'skip' })
  })
}

function settingsIn(form: HTMLFormElement, columns: JsonObject): JsonObject | null {
  const values: Record<string, string> = {}
  for (const [name, value] of new FormData(form)) if (typeof value === 'string') values[name] = value
  const template = findTemplate(values['template'] ?? '')
  return template ? { ...typedSettings(template, values), ...columns } : null
}
