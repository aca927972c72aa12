import { InvalidError } from '../lib/errors.ts'

const HOST = 'docs.google.com'

/**
 * The address at which a Google sheet is given as CSV: the tab that the link names, else the first one.
 *
 * @param base where Google is.
 * @throws InvalidError when the link leads to no sheet.
 */
export function googleExportUrl(link: string, base: string): string {
  const url = new URL(link)
  const path = url.hostname === HOST ? exportPath(url) : undefined
  if (path !== undefined) return new URL(path, base).href
  const message =
    'This is no link to a Google sheet. Copy it from “Share”, with everybody who has the link let in.'
  throw new InvalidError(message, { url: message })
}

function exportPath({ pathname, searchParams, hash }: URL): string | undefined {
  const key = searchParams.get('key')
  if (/\/ccc$/.test(pathname) && key !== null)
    return `/spreadsheets/d/${encodeURIComponent(key)}/export?format=csv`
  const [, published] = /^\/spreadsheets\/(?:u\/\d+\/)?d\/e\/([\w-]+)/.exec(pathname) ?? []
  const gid = searchParams.get('gid') ?? new URLSearchParams(hash.slice(1)).get('gid')
  const tab = gid !== null && /^\d+$/.test(gid) ? `&gid=${gid}` : ''
  if (published !== undefined) return `/spreadsheets/d/e/${published}/pub?output=csv${tab}`
  const [, id] = /^\/spreadsheets\/(?:u\/\d+\/)?d\/([\w-]+)/.exec(pathname) ?? []
  return id === undefined ? undefined : `/spreadsheets/d/${id}/export?format=csv${tab}`
}
