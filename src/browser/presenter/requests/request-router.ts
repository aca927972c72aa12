import { isObject } from '../../../lib/bridge.ts'
import type { Json } from '../../../lib/bridge.ts'
import { allowedCall } from '../../../lib/bridge-allow-list.ts'
import { OPAQUE_FRAMES } from '../../../lib/presenter-settings.ts'
import type { FrameDocument } from '../../../lib/presenter-settings.ts'
import type { BridgeClient, BridgeReply } from '../bridge-end.ts'

/** Decides which requests of a presenter the page around it makes. */
export interface RequestRouter {
  /** The site's reply, when the request is one that presenters may make; undefined for every other. */
  bridged(method: string, url: string, body: unknown): Promise<BridgeReply> | undefined
  /** Where to ask when nobody makes the request for the presenter: the site's API is at the site. */
  plainUrl(url: string): string
}

export function createRequestRouter(
  connected: Promise<BridgeClient>,
  { site, project = { id: 0, shortName: '' } }: FrameDocument,
): RequestRouter {
  const scope = { projectId: project.id, shortName: project.shortName }

  /** The address at the site, when it is one of its API: presenters write it with the host, without, or from their page. */
  function siteUrl(url: string): URL | undefined {
    const target = URL.parse(url, document.baseURI)
    if (!target || (target.origin !== site && target.origin !== location.origin)) return undefined
    const fromSite = target.pathname.replace(/\/{2,}/g, '/').replace(/\/$/, '')
    const path = fromSite.startsWith(`${OPAQUE_FRAMES}/`) ? fromSite.slice(OPAQUE_FRAMES.length) : fromSite
    return path.startsWith('/api/') ? new URL(path + target.search, site) : undefined
  }

  return {
    bridged(method, url, body) {
      const target = siteUrl(url)
      const known = KNOWN_METHODS.find((name) => name === method.toUpperCase())
      if (!target || !known) return undefined
      const path = target.pathname
      const query = Object.fromEntries(target.searchParams)
      const content = { query, body: jsonIn(body) }
      if (!allowedCall({ type: 'request', id: 1, method: known, path, ...content }, scope)) return undefined
      const reply = connected.then((bridge) => bridge.request(known, path, content))
      return path.startsWith('/api/app') || 'app_id' in query ? reply.then(inOldWords) : reply
    },
    plainUrl: (url) => siteUrl(url)?.href ?? url,
  }
}

const KNOWN_METHODS = ['GET', 'POST'] as const

function jsonIn(body: unknown): Json {
  try {
    return typeof body === 'string' ? (JSON.parse(body) as Json) : null
  } catch {
    return null
  }
}

/** Who asks with names from before PyBossa 1.0 reads them in the reply. */
function inOldWords({ status, body }: BridgeReply): BridgeReply {
  return { status, body: Array.isArray(body) ? body.map(withAppId) : withAppId(body) }
}

function withAppId(value: Json): Json {
  return isObject(value) && value['project_id'] !== undefined
    ? { ...value, app_id: value['project_id'] }
    : value
}
