import { WHO, readFrameMessage, readHello, writeMessage, writeWelcome } from '../../lib/bridge.ts'
import type { FrameMessage, HostMessage } from '../../lib/bridge.ts'
import { followDocuments } from './frame-documents.ts'
import type { FrameStep } from './frame-documents.ts'
import { createMessageLimit } from './message-limit.ts'

/**
 * `slow`: no hello in time. `left`: another document took its place. `stopped`: it sent too much. `silent`: it listens,
 * and asks for nothing.
 */
export type FrameTrouble = 'slow' | 'left' | 'stopped' | 'silent'

export interface FrameOptions {
  stage: HTMLElement
  /** Asked for at each load. */
  url(): string
  /** The only origin a hello is accepted from; "null" for the opaque sandbox. */
  origin: string
  sandbox: string
  /** What of the page's own rights it may ask for. */
  allow: string
  title: string
  /** The frame said hello and listens. */
  onConnect(): void
  onMessage(message: Exclude<FrameMessage, { type: 'leaving' }>): void
  onTrouble(trouble: Exclude<FrameTrouble, 'silent'>): void
}

export interface MountedFrame {
  readonly element: HTMLIFrameElement
  send(message: HostMessage): void
  /** Loads the document again, from the start. */
  reload(): void
}

/** Also the longest that a presenter may compute without a pause while it loads. */
const HELLO_WITHIN_MS = 15_000
/** Its script speaks before the page has loaded, so silence means that there is none: an expired ticket, say. */
const HELLO_AFTER_LOAD_MS = 3_000
/** Two documents for each task are what presenters need that go on by their address; a person sees few in this time. */
const DOCUMENTS_MAX = 20
const DOCUMENTS_MS = 10_000

/**
 * Puts the presenter's frame on the page and pins a MessageChannel to it. A hello is accepted only from the frame's own
 * window and only of the expected origin, so neither a frame inside the frame nor a pop-up can speak in its place.
 * A presenter that goes to another address of its host is greeted there, and its former port is closed.
 */
export function mountFrame(options: FrameOptions): MountedFrame {
  const element = document.createElement('iframe')
  let port: MessagePort | undefined
  let helloTimer: number | undefined
  // An opaque origin has no name to address. Nothing secret is said to it, and the port is for the one who spoke.
  const target = options.origin === 'null' ? '*' : options.origin
  // An opaque frame has one address: whatever follows there is loaded again.
  const newDocuments = () => followDocuments(options.origin !== 'null')
  let documents = newDocuments()
  let welcomes: number[] = []

  element.id = 'presenter-frame'
  element.title = options.title
  element.setAttribute('sandbox', options.sandbox)
  element.setAttribute('allow', options.allow)
  element.referrerPolicy = 'no-referrer'
  // A page below the site's own domain could crowd the site's cookies out, where a browser does not know this attribute.
  if (isOfSameDomain(options.origin)) element.setAttribute('credentialless', '')
  element.addEventListener('load', () => {
    act(documents.load())
  })
  expectHello()
  element.src = options.url()
  options.stage.append(element)

  function expectHello(): void {
    disconnect()
    documents = newDocuments()
    window.addEventListener('message', greet)
    helloWithin(HELLO_WITHIN_MS, slow)
  }

  function act(step: FrameStep | undefined): void {
    if (step === undefined) return
    window.clearTimeout(helloTimer)
    if (typeof step === 'object') welcome(step.welcome)
    else if (step === 'left') left()
    else if (step === 'expect first') helloWithin(HELLO_AFTER_LOAD_MS, slow)
    else if (step === 'expect next') helloWithin(HELLO_AFTER_LOAD_MS, left)
    else if (step === 'expect load') helloWithin(HELLO_WITHIN_MS, left)
    else if (step === 'ask') {
      element.contentWindow?.postMessage(WHO, target)
      helloWithin(HELLO_WITHIN_MS, left)
    }
  }

  function helloWithin(ms: number, otherwise: () => void): void {
    window.clearTimeout(helloTimer)
    helloTimer = window.setTimeout(otherwise, ms)
  }

  function slow(): void {
    options.onTrouble('slow')
  }

  function left(): void {
    trouble('left')
  }

  function disconnect(): void {
    window.removeEventListener('message', greet)
    window.clearTimeout(helloTimer)
    port?.close()
    port = undefined
  }

  function trouble(kind: 'left' | 'stopped'): void {
    disconnect()
    options.onTrouble(kind)
  }

  function greet(event: MessageEvent<unknown>): void {
    const frame = element.contentWindow
    if (!frame || event.source !== frame || event.origin !== options.origin) return
    const document = readHello(event.data)
    if (document !== undefined) act(documents.hello(document))
  }

  function welcome(document: string): void {
    if (isTooOften()) {
      stop()
      return
    }
    port?.close()
    const channel = new MessageChannel()
    port = channel.port1
    listen(port)
    element.contentWindow?.postMessage(writeWelcome(document), target, [channel.port2])
    options.onConnect()
  }

  function isTooOften(): boolean {
    const now = performance.now()
    welcomes = [...welcomes.filter((time) => now - time < DOCUMENTS_MS), now]
    return welcomes.length > DOCUMENTS_MAX
  }

  function listen(to: MessagePort): void {
    const verdictOn = createMessageLimit()
    to.onmessage = (event: MessageEvent<unknown>) => {
      if (to !== port) return
      const verdict = verdictOn(performance.now())
      if (verdict === 'stop') {
        stop()
        return
      }
      const message = verdict === 'read' ? readFrameMessage(event.data) : undefined
      if (message?.type === 'leaving') act(documents.leaving())
      else if (message) options.onMessage(message)
    }
  }

  function stop(): void {
    element.removeAttribute('src')
    element.remove()
    trouble('stopped')
  }

  return {
    element,
    send(message) {
      port?.postMessage(writeMessage(message))
    },
    reload() {
      expectHello()
      element.src = options.url()
      if (!element.isConnected) options.stage.append(element)
    },
  }
}

/** Whether the frame's host and the page's belong to one domain, as far as their last two names tell. */
function isOfSameDomain(origin: string): boolean {
  const domainOf = (host: string) => host.split('.').slice(-2).join('.')
  const host = URL.parse(origin)?.hostname
  return host !== undefined && domainOf(host) === domainOf(location.hostname)
}
