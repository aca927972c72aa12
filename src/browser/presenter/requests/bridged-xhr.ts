import type { BridgeReply } from '../bridge-end.ts'
import type { RequestRouter } from './request-router.ts'

/**
 * Puts an `XMLHttpRequest` in place that lets the page around the frame make the requests it makes for presenters; jQuery's
 * requests are made with it. A request that holds up the script cannot wait for the page, so it stays a plain one.
 */
export function bridgeXhr(router: RequestRouter): void {
  window.XMLHttpRequest = class extends XMLHttpRequest {
    #asked: { method: string; url: string } | undefined
    #reply: BridgeReply | undefined
    #turn = 0

    override open(
      method: string,
      url: string | URL,
      isAsync = true,
      user?: string | null,
      password?: string | null,
    ) {
      this.#turn += 1
      this.#reply = undefined
      this.#asked = isAsync ? { method, url: String(url) } : undefined
      super.open(method, router.plainUrl(String(url)), isAsync, user, password)
    }

    override setRequestHeader(name: string, value: string) {
      // jQuery sends it where it believes to be at home; elsewhere it would have to be allowed first.
      if (name.toLowerCase() !== 'x-requested-with') super.setRequestHeader(name, value)
    }

    override send(body?: Document | XMLHttpRequestBodyInit | null) {
      const reply = this.#asked && router.bridged(this.#asked.method, this.#asked.url, body)
      if (!reply) {
        super.send(body)
        return
      }
      const turn = this.#turn
      void reply.then((received) => {
        if (turn === this.#turn) this.#receive(received)
      })
    }

    override abort() {
      this.#turn += 1
      super.abort()
    }

    #receive(reply: BridgeReply) {
      this.#reply = reply
      this.dispatchEvent(new Event('readystatechange'))
      this.dispatchEvent(new ProgressEvent(reply.status === 0 ? 'error' : 'load'))
      this.dispatchEvent(new ProgressEvent('loadend'))
    }

    override get readyState() {
      return this.#reply ? XMLHttpRequest.DONE : super.readyState
    }

    override get status() {
      return this.#reply?.status ?? super.status
    }

    override get statusText() {
      return this.#reply ? '' : super.statusText
    }

    override get responseURL() {
      return this.#reply ? (this.#asked?.url ?? '') : super.responseURL
    }

    override get responseText() {
      return this.#reply ? textOf(this.#reply) : super.responseText
    }

    override get response(): unknown {
      if (!this.#reply) return super.response as unknown
      return this.responseType === 'json' ? this.#reply.body : textOf(this.#reply)
    }

    override getResponseHeader(name: string) {
      if (!this.#reply) return super.getResponseHeader(name)
      return name.toLowerCase() === 'content-type' ? JSON_TYPE : null
    }

    override getAllResponseHeaders() {
      return this.#reply ? `content-type: ${JSON_TYPE}\r\n` : super.getAllResponseHeaders()
    }
  }
}

const JSON_TYPE = 'application/json'

function textOf({ status, body }: BridgeReply): string {
  return status === 0 ? '' : JSON.stringify(body)
}
