import type { BridgeReply } from '../bridge-end.ts'
import type { RequestRouter } from './request-router.ts'

/** Puts a `fetch` in place that lets the page around the frame make the requests it makes for presenters. */
export function bridgeFetch(router: RequestRouter): void {
  const plain = window.fetch.bind(window)
  window.fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input)
    const asked = input instanceof Request ? input : undefined
    const method = init?.method ?? asked?.method ?? 'GET'
    const body = init?.body ?? (method === 'POST' ? await asked?.clone().text() : undefined)
    const reply = router.bridged(method, url, body)
    if (reply) return responseOf(await reply)
    return plain(asked ?? router.plainUrl(url), init)
  }
}

function responseOf({ status, body }: BridgeReply): Response {
  if (status === 0) throw new TypeError('The site cannot be reached')
  return Response.json(body, { status })
}
