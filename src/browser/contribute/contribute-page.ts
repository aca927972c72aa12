import { isId, isObject } from '../../lib/bridge.ts'
import type { FrameMessage, Json } from '../../lib/bridge.ts'
import type { AllowedCall } from '../../lib/bridge-allow-list.ts'
import { filled } from '../../lib/contribute-strings.ts'
import { forwardNumberKeys } from './number-keys.ts'
import { readPageSettings } from './page-settings.ts'
import type { PageSettings } from './page-settings.ts'
import { createPageView } from './page-view.ts'
import type { PageView } from './page-view.ts'
import { hostPresenter } from './presenter-host.ts'
import type { PresenterHost } from './presenter-host.ts'
import { callApi, postTaskRun, reasonOf } from './project-gateway.ts'
import { createRunQueue } from './run-queue.ts'
import type { Reply, RunQueue } from './run-queue.ts'

/** A ticket lives five minutes; older pages are loaded again as a whole. */
const FRAME_FRESH_MS = 240_000
/** A presenter that leaves its page again and again would make the site load for ever. */
const RELOADS_MAX = 3

/** Runs the contribute page: the frame, the queue of task runs, the counters, the tutorial and the end. */
export function startContributePage(): void {
  const settings = readPageSettings('contribute')
  const view = createPageView(settings)
  const queue = taskRunQueue(settings, view, () => host)
  const visit = createVisit(settings, view)
  const host: PresenterHost = hostPresenter({
    settings,
    reply: (call) => replyTo(settings, { queue, view }, call, visit.noteTasks),
    onMessage: visit.receive,
    onTrouble: troubleHandler(settings, view, () => host),
  })

  view.showCounts(queue.state())
  setUpTutorial(view, visit, host)
  forwardNumberKeys(host.send, visit.isTaskShown)
  document.getElementById('skip-task')?.addEventListener('click', () => {
    host.send({ type: 'skip' })
  })
  window.addEventListener('online', queue.retryNow)
  document.addEventListener('visibilitychange', queue.retryNow)
  window.addEventListener('beforeunload', (event) => {
    if (queue.state().waiting > 0 || visit.isDirty()) event.preventDefault()
  })
}

async function replyTo(
  { project, contributor, strings }: PageSettings,
  { queue, view }: { queue: RunQueue; view: PageView },
  call: AllowedCall,
  noteTasks: (body: Json) => void,
): Promise<Reply> {
  if (call.kind === 'taskrun') return queue.submit(call.body)
  // The scheduler counts from the first task without an answer, so the answers on their way go first.
  if (call.kind === 'newtask') await queue.settled()
  const reply = await callApi(project, provable(contributor), call)
  if (reply.status === 401) view.showNotice(strings.signInToGoOn, 'warning')
  if (call.kind === 'newtask' || call.kind === 'task') noteTasks(reply.body)
  return reply
}

function taskRunQueue(settings: PageSettings, view: PageView, host: () => PresenterHost): RunQueue {
  const { strings, project, contributor, presenterVersion } = settings
  return createRunQueue({
    name: `manyhands.unsent.${contributor}.${project.id}.`,
    storage: localStorageIfAny(),
    async post(body, key) {
      const reply = await postTaskRun(body, provable(contributor), key, presenterVersion)
      if (reply.status === 401) view.showNotice(strings.signInToSend, 'warning')
      return reply
    },
    onChange(state) {
      view.showCounts(state)
      host().send({ type: 'state', waiting: state.waiting })
    },
    onRefused(reply, isFromEarlier) {
      if (reply.status === 403) {
        view.showNotice(reasonOf(reply.body) ?? strings.alreadyAnswered, 'warning')
        return
      }
      const reason = reasonOf(reply.body) ?? strings.refusedUnknown
      view.showNotice(filled(isFromEarlier ? strings.refusedOlder : strings.refused, { reason }), 'error')
    },
  })
}

/** Without cookies the site cannot know one contributor from another, and is not asked to. */
function provable(contributor: string): string {
  return navigator.cookieEnabled ? contributor : ''
}

/** Private windows and strict settings throw on the mere mention. */
function localStorageIfAny(): Storage | undefined {
  try {
    return window.localStorage
  } catch {
    return undefined
  }
}

interface Visit {
  receive(message: Exclude<FrameMessage, { type: 'request' | 'resize' }>): void
  /** Remembers the tasks that the site handed to this page. */
  noteTasks(body: Json): void
  isTaskShown(): boolean
  isDirty(): boolean
  /** Opens or closes the tutorial over whatever is going on. */
  showTutorial(isShown: boolean): void
}

/** What happens on the page between its loading and its end. */
function createVisit(settings: PageSettings, view: PageView): Visit {
  const handedOut = new Set<number>()
  let progress: 'loading' | 'task' | 'finished' = 'loading'
  let isTutorialShown = document.getElementById('tutorial-panel')?.hidden === false
  let dirty = false

  function show(): void {
    view.setState(isTutorialShown ? 'tutorial' : progress)
  }

  function taskShown(id: number): void {
    progress = 'task'
    dirty = false
    show()
    // A reload opens the same task. Only tasks of this project get into the address.
    if (handedOut.has(id))
      history.replaceState(null, '', `/project/${settings.project.short_name}/task/${id}`)
  }

  function finished(): void {
    progress = 'finished'
    dirty = false
    show()
    setAddress('newtask')
    if (settings.finishedUrl !== undefined && !isTutorialShown) location.assign(settings.finishedUrl)
  }

  function setAddress(page: string): void {
    history.replaceState(null, '', `/project/${settings.project.short_name}/${page}`)
  }

  function receive(message: Exclude<FrameMessage, { type: 'request' | 'resize' }>): void {
    if (message.type === 'taskShown') return taskShown(message.id)
    if (message.type === 'finished') return finished()
    if (message.type === 'dirty') dirty = message.dirty
    else if (message.type === 'navigate') navigate(message.path, settings.project.short_name)
    else if (message.show) view.showNotice(message.text, message.notice)
    else view.hideNotice()
  }

  show()
  return {
    receive,
    noteTasks(body) {
      for (const task of Array.isArray(body) ? body : [body]) {
        if (isObject(task) && isId(task['id'])) handedOut.add(task['id'])
      }
    },
    isTaskShown: () => progress === 'task' && !isTutorialShown,
    isDirty: () => dirty,
    showTutorial(isShown) {
      isTutorialShown = isShown
      show()
    },
  }
}

/**
 * A link of the presenter into its own project is followed when the visitor just pressed something; all else is not.
 */
function navigate(path: string, shortName: string): void {
  const home = `/project/${shortName}/`
  const target = URL.parse(path, new URL(home, location.origin))
  const isInside = target?.origin === location.origin && `${target.pathname}/`.startsWith(home)
  if (isInside && navigator.userActivation.isActive) location.assign(target.pathname)
}

function setUpTutorial(view: PageView, visit: Visit, host: PresenterHost): void {
  document.getElementById('start-tasks')?.addEventListener('click', (event) => {
    event.preventDefault()
    visit.showTutorial(false)
    host.focus()
  })
  document.getElementById('show-help')?.addEventListener('click', (event) => {
    event.preventDefault()
    visit.showTutorial(document.getElementById('tutorial-panel')?.hidden === true)
    view.hideNotice()
  })
}

function troubleHandler(
  { strings, root }: PageSettings,
  view: PageView,
  host: () => PresenterHost,
): (trouble: 'slow' | 'left' | 'stopped') => void {
  const opened = performance.now()
  let reloads = 0

  function again(): void {
    if (performance.now() - opened > FRAME_FRESH_MS) return location.reload()
    view.hideNotice()
    host().reload()
  }

  return (trouble) => {
    if (trouble === 'left' && reloads < RELOADS_MAX) {
      // PyBossa's presenters go to the next task by leaving their page: the frame opens with the next one.
      reloads += 1
      return again()
    }
    if (trouble !== 'slow') root.dataset['state'] = 'failed'
    view.showProblem(strings[trouble], { text: strings.tryAgain, press: again })
  }
}
