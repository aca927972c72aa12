import { NOT_REQUESTED } from '../../lib/api-words.ts'
import { isId, isObject } from '../../lib/bridge.ts'
import type { Json } from '../../lib/bridge.ts'
import type { AllowedCall } from '../../lib/bridge-allow-list.ts'
import { filled } from '../../lib/contribute-strings.ts'
import type { ContributeStrings } from '../../lib/contribute-strings.ts'
import { keepLeases } from './lease-keeper.ts'
import type { LeaseGateway, LeaseKeeper } from './lease-keeper.ts'
import { createLookAhead } from './look-ahead.ts'
import type { LookAhead } from './look-ahead.ts'
import { followLink } from './follow-link.ts'
import type { FrameTrouble } from './frame-mount.ts'
import { forwardNumberKeys } from './number-keys.ts'
import { readPageSettings } from './page-settings.ts'
import type { PageSettings } from './page-settings.ts'
import { createPageView } from './page-view.ts'
import type { PageView } from './page-view.ts'
import { hostPresenter } from './presenter-host.ts'
import type { PageMessage, PresenterHost } from './presenter-host.ts'
import { callApi, postLease, postTaskRun, postUndo, reasonOf, requestTask } from './project-gateway.ts'
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
  const lookAhead = createLookAhead()
  const leases = keepLeases(leaseGateway(settings))
  const queue = taskRunQueue(settings, { view, lookAhead, leases }, () => host)
  const visit = createVisit(settings, view)
  const host: PresenterHost = hostPresenter({
    settings,
    reply: (call) => replyTo(settings, { queue, view, lookAhead, leases }, call, visit),
    onMessage: visit.receive,
    firstTaskId: visit.taskToOpen,
    onTrouble: troubleHandler(settings, { view, visit }, () => host),
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

interface Parts {
  queue: RunQueue
  view: PageView
  lookAhead: LookAhead
  leases: LeaseKeeper
}

async function replyTo(
  { project, contributor, strings }: PageSettings,
  { queue, view, lookAhead, leases }: Parts,
  call: AllowedCall,
  visit: Visit,
): Promise<Reply> {
  if (call.kind === 'taskrun') {
    leases.release(call.body.task_id)
    visit.noteTaskRun(call.body.task_id)
    return queue.submit(call.body)
  }
  // The scheduler counts from the first task without an answer, so the answers on their way go first.
  if (call.kind === 'newtask') await queue.settled()
  const kept = lookAhead.take(call)
  const reply: Reply =
    kept !== undefined && queue.state().waiting === 0
      ? { status: 200, body: kept }
      : await unhurried(view, strings, () => callApi(project, provable(contributor), call))
  if (reply.status === 401) view.showNotice(strings.signInToGoOn, 'warning')
  if (call.kind === 'skip') leases.release(call.taskId)
  if (call.kind === 'skip' && reply.status < 300) visit.noteSkip(call.taskId)
  if (call.kind === 'newtask' || call.kind === 'task') {
    const taskIds = idsIn(reply.body)
    visit.noteTasks(taskIds, call.kind === 'newtask')
    leases.hold(taskIds)
  }
  return reply
}

/** Who is quicker than the site allows is told so, and goes on by itself. */
async function unhurried(
  view: PageView,
  strings: ContributeStrings,
  request: () => Promise<Reply>,
): Promise<Reply> {
  for (;;) {
    const reply = await request()
    if (reply.status !== 429 || reply.retryAfterMs === undefined) return reply
    const seconds = String(Math.ceil(reply.retryAfterMs / 1000))
    view.showNotice(filled(strings.tooQuick, { seconds }), 'warning')
    await new Promise((resolve) => setTimeout(resolve, reply.retryAfterMs))
    view.hideNotice()
  }
}

function leaseGateway({ project, contributor }: PageSettings): LeaseGateway {
  return {
    async renew(taskIds) {
      const { status, body } = await postLease(project, provable(contributor), 'renew', taskIds)
      const seconds = status === 200 && isObject(body) ? body['lease_seconds'] : undefined
      return typeof seconds === 'number' ? seconds : undefined
    },
    leave(taskIds) {
      void postLease(project, provable(contributor), 'leave', taskIds)
    },
  }
}

function taskRunQueue(
  settings: PageSettings,
  { view, lookAhead, leases }: Omit<Parts, 'queue'>,
  host: () => PresenterHost,
): RunQueue {
  const { strings, project, contributor, presenterVersion } = settings
  return createRunQueue({
    name: `manyhands.unsent.${contributor}.${project.id}.`,
    storage: localStorageIfAny(),
    async post(body, key) {
      const nextOffset = lookAhead.offset()
      const post = () => postTaskRun(body, provable(contributor), key, { presenterVersion, nextOffset })
      let reply = await post()
      if (reply.status === 403 && reasonOf(reply.body) === NOT_REQUESTED) {
        // The request is forgotten: it was long ago, or the site lost its last moments in a crash.
        await requestTask(project, provable(contributor), body.task_id)
        reply = await post()
      }
      if (reply.status === 401) view.showNotice(strings.signInToSend, 'warning')
      if (reply.status === 200) offerUndo(settings, view, reply.body)
      if (nextOffset === undefined) return reply
      leases.hold(idsIn(isObject(reply.body) ? (reply.body['next'] ?? null) : null))
      return { ...reply, body: lookAhead.keep(reply.body, nextOffset) }
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

/** For a while the last task run can be taken back; its task is opened again then. */
function offerUndo(settings: PageSettings, view: PageView, stored: Json): void {
  const { project, contributor, strings, undoSeconds } = settings
  const runId = isObject(stored) ? stored['id'] : undefined
  if (!isId(runId) || undoSeconds === 0) return
  view.offerUndo(undoSeconds * 1000, async () => {
    const { status, body } = await postUndo(project, provable(contributor), runId)
    const taskId = isObject(body) ? body['task_id'] : undefined
    if (status === 200 && isId(taskId)) location.assign(`/project/${project.short_name}/task/${taskId}`)
    else view.showNotice(reasonOf(body) ?? strings.undoFailed, 'warning')
  })
}

function idsIn(body: Json): number[] {
  const ids = (Array.isArray(body) ? body : [body]).map((task) => (isObject(task) ? task['id'] : undefined))
  return ids.filter((id) => isId(id))
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
  receive(message: PageMessage): void
  /** Remembers the tasks that the site handed to this page, and whether as the next ones to do. */
  noteTasks(taskIds: number[], asNext: boolean): void
  /** Remembers that a task got its task run. */
  noteTaskRun(taskId: number): void
  /**
   * The task that a presenter begins with: the one on the screen unless it is done, else the first that it was given and
   * that is not. Presenters that go to a task by its address have been given it before.
   */
  taskToOpen(): number | null
  /** How many task runs were made here. */
  taskRunCount(): number
  /** Remembers that a task was passed over. */
  noteSkip(taskId: number): void
  isTaskShown(): boolean
  isDirty(): boolean
  /** Opens or closes the tutorial over whatever is going on. */
  showTutorial(isShown: boolean): void
}

/** What happens on the page between its loading and its end. */
function createVisit(settings: PageSettings, view: PageView): Visit {
  const handedOut = new Set<number>()
  const given = new Set<number>()
  const skipped = new Set<number>()
  const done = new Set<number>()
  let current = settings.taskId
  let progress: 'loading' | 'task' | 'finished' = 'loading'
  let isTutorialShown = document.getElementById('tutorial-panel')?.hidden === false
  let dirty = false

  const isOpen = (id: number | null) => id !== null && !done.has(id) && !skipped.has(id)

  function show(): void {
    view.setState(isTutorialShown ? 'tutorial' : progress)
  }

  function taskShown(id: number): void {
    current = id
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
    showSkipped()
    show()
    setAddress('newtask')
    if (settings.finishedUrl !== undefined && !isTutorialShown) location.assign(settings.finishedUrl)
  }

  function showSkipped(): void {
    view.showSkipped(settings.skippedCount + skipped.size)
  }

  function setAddress(page: string): void {
    history.replaceState(null, '', `/project/${settings.project.short_name}/${page}`)
  }

  function receive(message: PageMessage): void {
    if (message.type === 'taskShown') return taskShown(message.id)
    if (message.type === 'finished') return finished()
    if (message.type === 'dirty') dirty = message.dirty
    else if (message.type === 'navigate') followLink(message.path, settings.project.short_name)
    else if (message.type === 'notify') view.notify(message)
  }

  show()
  return {
    receive,
    noteTasks(taskIds, asNext) {
      for (const id of taskIds) {
        handedOut.add(id)
        if (asNext) given.add(id)
      }
    },
    noteTaskRun(taskId) {
      done.add(taskId)
      dirty = false
    },
    taskToOpen: () => (isOpen(current) ? current : ([...given].find(isOpen) ?? null)),
    taskRunCount: () => done.size,
    noteSkip(taskId) {
      skipped.add(taskId)
      // The reply may come after the end.
      showSkipped()
    },
    isTaskShown: () => progress === 'task' && !isTutorialShown,
    isDirty: () => dirty,
    showTutorial(isShown) {
      isTutorialShown = isShown
      show()
    },
  }
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
  { strings, root, project }: PageSettings,
  { view, visit }: { view: PageView; visit: Visit },
  host: () => PresenterHost,
): (trouble: FrameTrouble) => void {
  const opened = performance.now()
  let reloads = 0
  let taskRunsThen = 0

  function again(): void {
    if (performance.now() - opened > FRAME_FRESH_MS) return openAnew()
    view.hideNotice()
    host().reload()
  }

  function openAnew(): void {
    const taskId = visit.taskToOpen()
    location.assign(`/project/${project.short_name}/${taskId === null ? 'newtask' : `task/${taskId}`}`)
  }

  return (trouble) => {
    if (visit.taskRunCount() > taskRunsThen) reloads = 0
    taskRunsThen = visit.taskRunCount()
    if (trouble === 'left' && reloads < RELOADS_MAX) {
      // Some presenters go to the next task by leaving their page: the frame opens with the next one.
      reloads += 1
      return again()
    }
    if (trouble === 'left' || trouble === 'stopped') root.dataset['state'] = 'failed'
    view.showProblem(strings[trouble], { text: strings.tryAgain, press: again })
  }
}
