/*
 * The script of a page that shows HTML of a project's owner: its tutorial or its results (entry `owner-page`). What the
 * page has to offer: #owner-page with what tells of the frame, data-project-id, data-short-name, data-project-name and
 * data-project-description as on the contribute page (contribute.ts), and #presenter-stage and #status-line. The frame reads of its project what a presenter reads, and writes nothing.
 */
import type { AllowedCall } from '../../lib/bridge-allow-list.ts'
import { followLink } from './follow-link.ts'
import { readPageSettings } from './page-settings.ts'
import { createPageView } from './page-view.ts'
import { hostPresenter } from './presenter-host.ts'
import { callApi, refusal } from './project-gateway.ts'
import type { Reply } from './run-queue.ts'

startOwnerPage()

function startOwnerPage(): void {
  const settings = readPageSettings('owner-page')
  const { project, strings } = settings
  const view = createPageView(settings)

  async function reply(call: AllowedCall): Promise<Reply> {
    if (call.kind === 'newtask' || call.kind === 'skip' || call.kind === 'taskrun') {
      return refusal(403, 'Forbidden', 'Tasks are given out on the page for answering only.')
    }
    return callApi(project, '', call)
  }

  hostPresenter({
    settings,
    reply,
    onMessage(message) {
      if (message.type === 'navigate') followLink(message.path, project.short_name)
      else if (message.type === 'notify') view.notify(message)
    },
    onTrouble(trouble) {
      // A page to read needs nothing from the page around it.
      if (trouble === 'silent') return
      const press = () => {
        location.reload()
      }
      view.showProblem(strings[trouble], { text: strings.tryAgain, press })
    },
  })
}
