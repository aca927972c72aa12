// Where presenters run. PRESENTER_ORIGIN is a pattern such as https://p{id}.example-presenters.org: each project has
// a host, hence an origin, of its own. Where that is not possible the frame is an opaque sandbox on the site's host.

import { OPAQUE_FRAMES } from '../../lib/presenter-settings.ts'

const PAGE = /^\/(?:project|app)\/([^/]+)\/(?:newtask|presenter|tutorial|results|task\/\d+)\/?$/

/** The path that a frame on a presenter host would have, for one on the site's own host; undefined for any other page. */
export function pathOfOpaqueFrame(path: string): string | undefined {
  if (path === OPAQUE_FRAMES) return '/'
  return path.startsWith(`${OPAQUE_FRAMES}/`) ? path.slice(OPAQUE_FRAMES.length) : undefined
}

/**
 * Whether a presenter host has the frame's document there: presenters read from their address which task they are to
 * show, and go to the next one by another address of the same form.
 */
export function isFramePath(path: string): boolean {
  return path === '/' || PAGE.test(path)
}

/** The path of the frame on a presenter host, for a page of the site about a project: that of PyBossa's page. */
export function framePathFor(pagePath: string): string {
  if (PAGE.test(pagePath)) return pagePath
  const [, shortName] = /^\/project\/([^/]+)\//.exec(pagePath) ?? []
  return shortName === undefined ? '/' : `/project/${shortName}/newtask`
}

/** What an opaque frame may do. Never allow-same-origin: it would hand over the session of whoever looks. */
export const OPAQUE_SANDBOX =
  'allow-scripts allow-forms allow-modals allow-popups allow-popups-to-escape-sandbox'
/** A frame on a host of its own keeps its origin; it still cannot navigate the page around it. */
export const ORIGIN_SANDBOX = `${OPAQUE_SANDBOX} allow-same-origin`

/** The presenter origin of a project. */
export function presenterOriginOf(pattern: string, projectId: number): string {
  return pattern.replace('{id}', String(projectId))
}

/**
 * The project whose presenter host this is, by the Host header; undefined for every other host.
 *
 * @param host with its port, if it has one.
 */
export function projectOfHost(pattern: string, host: string): number | undefined {
  const [before, after] = hostOf(pattern).split('{id}')
  if (before === undefined || after === undefined) return undefined
  const name = host.toLowerCase()
  if (!name.startsWith(before) || !name.endsWith(after)) return undefined
  const id = name.slice(before.length, name.length - after.length)
  return /^[1-9][0-9]{0,15}$/.test(id) ? Number(id) : undefined
}

/**
 * Whether a page on this host can give its presenters hosts of their own: names below .localhost are only known to
 * the machine itself, and a page on an address that is not configured says nothing about which names resolve.
 */
export function canUseOwnHosts(pattern: string, siteUrl: string, pageHost: string): boolean {
  const patternHost = withoutPort(hostOf(pattern))
  const domain = patternHost.split('{id}')[1]?.replace(/^[^.]*\./, '')
  if (!domain) return false
  const page = withoutPort(pageHost.toLowerCase())
  if (isLoopback(page)) return true
  if (isLoopback(domain)) return false
  return page === new URL(siteUrl).hostname || page === domain || page.endsWith(`.${domain}`)
}

function hostOf(pattern: string): string {
  return pattern
    .toLowerCase()
    .replace(/^[a-z]+:\/\//, '')
    .replace(/\/.*$/, '')
}

function withoutPort(host: string): string {
  return host.replace(/:\d+$/, '')
}

function isLoopback(host: string): boolean {
  return (
    host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || /^127(\.\d+){3}$/.test(host)
  )
}
