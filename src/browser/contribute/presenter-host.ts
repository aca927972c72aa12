import { BRIDGE_VERSION } from '../../lib/bridge.ts'
import type { BridgeRequest, FrameMessage, HostMessage, JsonObject } from '../../lib/bridge.ts'
import { allowedCall } from '../../lib/bridge-allow-list.ts'
import type { AllowedCall } from '../../lib/bridge-allow-list.ts'
import { filled } from '../../lib/contribute-strings.ts'
import { mountFrame } from './frame-mount.ts'
import type { FrameTrouble, MountedFrame } from './frame-mount.ts'
import { refusal } from './project-gateway.ts'
import type { PageSettings } from './page-settings.ts'
import type { Reply } from './run-queue.ts'

/** Requests of one frame that are carried out at the same time; more are told to wait (429). */
const OUTSTANDING_MAX = 12
const FRAME_HEIGHT_MIN = 200
const FRAME_HEIGHT_MAX = 20_000
/** So long a frame may do without the page around it before that is taken for a fault. */
const SILENT_MS = 15_000
/** Left free above and below what the page scrolls to (CSS pixels). */
const REVEAL_MARGIN = 16

/** What the frame says besides its requests, its height and what is to be seen of it. */
export type PageMessage = Exclude<FrameMessage, { type: 'request' | 'resize' | 'reveal' | 'leaving' }>

export interface HostOptions {
  settings: PageSettings
  /** Carries out what the allow-list let through. */
  reply(call: AllowedCall): Promise<Reply>
  onMessage(message: PageMessage): void
  onTrouble(trouble: FrameTrouble): void
  /** The task to begin with, asked for whenever the frame loads; the one that the page was opened for when left out. */
  firstTaskId?: () => number | null
  /** Given when the frame is to show other settings than those of its document. */
  previewSettings?: () => JsonObject | null
}

export interface PresenterHost {
  send(message: HostMessage): void
  reload(): void
  focus(): void
}

/** The host's side of the bridge: mounts the frame, introduces it to its project and answers its requests. */
export function hostPresenter(options: HostOptions): PresenterHost {
  const { settings } = options
  const { project, stage } = settings
  const scope = { projectId: project.id, shortName: project.short_name }
  let outstanding = 0
  let silence: number | undefined

  const mounted: MountedFrame = mountFrame({
    stage,
    ...settings.frame,
    url: () => frameUrl(settings, taskToOpen(options)),
    title: filled(settings.strings.frameTitle, { project: project.name }),
    onConnect() {
      expectRequest()
      mounted.send(initialMessage(options))
    },
    onMessage(message) {
      if (message.type === 'request') void respond(message)
      else if (message.type === 'resize') resize(message.height)
      else if (message.type === 'reveal') reveal(message)
      else options.onMessage(message)
    },
    onTrouble: options.onTrouble,
  })

  /** A presenter with a fault in its script says nothing at all; the person before it is told then. */
  function expectRequest(): void {
    window.clearTimeout(silence)
    silence = window.setTimeout(() => {
      options.onTrouble('silent')
    }, SILENT_MS)
  }

  async function respond(request: BridgeRequest): Promise<void> {
    window.clearTimeout(silence)
    const { status, body } = await outcomeOf(request)
    mounted.send({ type: 'response', id: request.id, status, body })
  }

  async function outcomeOf(request: BridgeRequest): Promise<Reply> {
    const call = allowedCall(request, scope)
    if (!call) return refusal(403, 'Forbidden', 'A presenter cannot reach this address.')
    if (outstanding >= OUTSTANDING_MAX) return refusal(429, 'TooManyRequests', 'Too many requests at once.')
    outstanding += 1
    try {
      return await options.reply(call)
    } finally {
      outstanding -= 1
    }
  }

  function resize(height: number): void {
    const within = Math.min(Math.max(Math.ceil(height), FRAME_HEIGHT_MIN), FRAME_HEIGHT_MAX)
    stage.dataset['fit'] = 'content'
    mounted.element.style.height = `${within}px`
  }

  /** Only for somebody who just pressed something there, or a presenter could hold the page where it likes. */
  function reveal({ top, height }: { top: number; height: number }): void {
    if (!navigator.userActivation.isActive) return
    const above = mounted.element.getBoundingClientRect().top + top - REVEAL_MARGIN
    const below = above + Math.min(height + 2 * REVEAL_MARGIN, window.innerHeight) - window.innerHeight
    if (above < 0) window.scrollBy({ top: above })
    else if (below > 0) window.scrollBy({ top: below })
  }

  return {
    send: mounted.send,
    reload: mounted.reload,
    focus() {
      mounted.element.focus({ preventScroll: true })
    },
  }
}

function taskToOpen({ settings, firstTaskId }: HostOptions): number | null {
  return firstTaskId ? firstTaskId() : settings.taskId
}

/** A frame's address names the task, as PyBossa's pages do; a reload may be for another one. */
function frameUrl({ frame }: PageSettings, taskId: number | null): string {
  const page = taskId === null ? 'newtask' : `task/${taskId}`
  return frame.url.replace(/\/(newtask|presenter|task\/\d+)\/?(?=\?)/, `/${page}`)
}

function initialMessage(options: HostOptions): HostMessage {
  const { settings, previewSettings } = options
  return {
    type: 'init',
    version: BRIDGE_VERSION,
    project: settings.project,
    locale: settings.locale,
    taskId: taskToOpen(options),
    settings: previewSettings?.() ?? null,
    strings: settings.presenterStrings,
    endpoint: location.origin,
    isPreview: previewSettings !== undefined,
  }
}
