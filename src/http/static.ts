import { PYBOSSA_FILES } from '../lib/pybossa-files.ts'
import type { Assets } from './assets.ts'
import { isDemoMedia, sendDemoMedia } from './demo-media.ts'
import { isUnchanged, openToPresenters } from './sent-file.ts'
import type { Context, Handler } from './state.ts'

/** Where code of owners loads the tools of ready templates from: the same address from version to version. */
const TOOLS = '/tools/'
export const YEAR = 'public, max-age=31536000, immutable'
const DAY = 'public, max-age=86400'
const MINUTES = 'public, max-age=300'

/**
 * Files below /static, stamped with their content and therefore good for a year, and the demo project's pictures.
 * Readable from presenter hosts; no cookie is looked at.
 */
export function staticFiles(assets: Assets): Handler {
  return async (ctx, next) => {
    const isRead = ctx.method === 'GET' || ctx.method === 'HEAD'
    if (!isRead || !(await sendFile(ctx, assets))) await next()
  }
}

/** @returns false when the path is none of a file. */
async function sendFile(ctx: Context, assets: Assets): Promise<boolean> {
  const { path } = ctx
  const ofPybossa = PYBOSSA_FILES.get(path)
  if (ofPybossa !== undefined) sendAsset(ctx, assets, assets.stamped(ofPybossa), DAY)
  else if (path.startsWith('/static/')) sendAsset(ctx, assets, path.slice('/static/'.length), YEAR)
  else if (path.startsWith(TOOLS)) sendAsset(ctx, assets, stampedTool(path, assets), MINUTES)
  else if (isDemoMedia(path)) await sendDemoMedia(ctx)
  else if (path === '/favicon.ico') ctx.status = 204
  else if (path === '/robots.txt') {
    ctx.type = 'text/plain'
    ctx.body = 'User-agent: *\nDisallow: /api/\nDisallow: /account/\n'
  } else return false
  return true
}

function stampedTool(path: string, assets: Assets): string | undefined {
  return assets.stamped(`tool-${path.slice(TOOLS.length)}`)
}

/** @param name the stamped one; undefined when such a file was not built. */
function sendAsset(ctx: Context, assets: Assets, name: string | undefined, caching: string): void {
  ctx.vary('Accept-Encoding')
  const file = assets.find(name ?? '', (encoding) => Boolean(ctx.acceptsEncodings(encoding)))
  if (!file) {
    ctx.status = 404
    ctx.body = 'There is no such file.'
    return
  }
  openToPresenters(ctx, caching)
  ctx.etag = `${name ?? ''}-${file.encoding ?? 'plain'}`
  if (isUnchanged(ctx)) return
  if (file.encoding) ctx.set('Content-Encoding', file.encoding)
  ctx.type = file.type
  ctx.body = file.content
}
