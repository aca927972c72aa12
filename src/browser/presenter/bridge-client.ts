import { WHO, readHostMessage, writeHello, writeMessage, writeWelcome } from '../../lib/bridge.ts'
import type { BridgeInit, FrameMessage, HostMessage } from '../../lib/bridge.ts'
import type { BridgeClient, BridgeReply } from './bridge-end.ts'

/**
 * Says hello to the page around the frame and waits for its port and its first message. The welcome is taken only
 * from the parent window on the site's origin, so a frame inside this one cannot pose as the host. One that was meant for
 * the document before, which said hello and went, is left alone.
 */
export function connectBridge(site: string): Promise<BridgeClient> {
  const host = window.parent
  // Only to tell documents apart. randomUUID is missing on sites without TLS.
  const name = crypto.getRandomValues(new Uint32Array(2)).join('-')
  const welcome = writeWelcome(name)
  const sayHello = () => {
    host.postMessage(writeHello(name), site)
  }
  return new Promise((resolve) => {
    window.addEventListener('message', (event: MessageEvent<unknown>) => {
      const [port] = event.ports
      if (event.source !== host || event.origin !== site) return
      if (event.data === WHO) sayHello()
      else if (event.data === welcome && port) resolve(speakOver(port))
    })
    sayHello()
  })
}

/** Taken down before a presenter can change its address. */
const ticket = new URLSearchParams(location.search).get('ticket') ?? ''

/**
 * Some presenters save their address with what a person said, for all to read. Where the ticket cannot go from the address
 * it goes from what is sent; its letters are the same in JSON.
 */
function withoutTicket(text: string): string {
  return ticket === '' ? text : text.replaceAll(`?ticket=${ticket}`, '').replaceAll(ticket, '')
}

function speakOver(port: MessagePort): Promise<BridgeClient> {
  const waiting = new Map<number, (reply: BridgeReply) => void>()
  const listeners: ((message: HostMessage) => void)[] = []
  const introduced = Promise.withResolvers<BridgeInit>()
  let lastId = 0

  port.onmessage = (event: MessageEvent<unknown>) => {
    const message = readHostMessage(event.data)
    if (message?.type === 'init') introduced.resolve(message)
    else if (message?.type === 'response') {
      waiting.get(message.id)?.({ status: message.status, body: message.body })
      waiting.delete(message.id)
    } else if (message) for (const listener of listeners) listener(message)
  }

  function send(message: FrameMessage): void {
    port.postMessage(withoutTicket(writeMessage(message)))
  }

  window.addEventListener('pagehide', () => {
    send({ type: 'leaving' })
  })

  return introduced.promise.then((init) => ({
    init,
    send,
    request(method, path, { query = {}, body = null } = {}) {
      lastId += 1
      const id = lastId
      return new Promise((resolve) => {
        waiting.set(id, resolve)
        send({ type: 'request', id, method, path, query, body })
      })
    },
    onMessage(listener) {
      listeners.push(listener)
    },
  }))
}
