import { extname } from 'node:path'
import type { FileStore } from '../platform/files.ts'
import type { Context, Handler } from './state.ts'
import { isUnchanged, openToPresenters, sendContent } from './sent-file.ts'
import { YEAR } from './static.ts'

/** What a browser shows or uses in place; anything else, drawings with scripts in them too, it is told to save. */
const INLINE = /^(image\/(?!svg)|audio\/|video\/|text\/css|text\/javascript)/

/**
 * Files that people sent in, below /uploads. They stand on the site's origin, and nothing of them runs there: a browser
 * that opens one keeps it in a sandbox, and the site's own pages get no script or style of them, whatever somebody put
 * into these pages. Presenters, which are of another origin, load them freely, and so
 * does a CDN that stands in front (MEDIA_URL).
 */
export function uploadedFiles(files: Pick<FileStore, 'read' | 'size'>): Handler {
  return async (ctx, next) => {
    const isRead = ctx.method === 'GET' || ctx.method === 'HEAD'
    if (isRead && ctx.path.startsWith('/uploads/')) await send(ctx, files)
    else await next()
  }
}

async function send(ctx: Context, files: Pick<FileStore, 'read' | 'size'>): Promise<void> {
  ctx.set({ 'Content-Security-Policy': "sandbox; default-src 'none'", 'X-Content-Type-Options': 'nosniff' })
  ctx.vary('Sec-Fetch-Site, Sec-Fetch-Dest')
  const [, key] = /^\/(uploads\/[\w-]+\/[\w-][\w.-]*)$/.exec(ctx.path) ?? []
  const bytes = key === undefined ? undefined : await files.size(key)
  if (key === undefined || bytes === undefined || isForOwnPage(ctx)) {
    ctx.status = 404
    ctx.body = 'There is no such file.'
    return
  }
  openToPresenters(ctx, YEAR)
  ctx.etag = key
  if (isUnchanged(ctx)) return
  ctx.type = extname(key)
  if (!ctx.type) ctx.type = 'application/octet-stream'
  if (!INLINE.test(ctx.type)) ctx.set('Content-Disposition', 'attachment')
  sendContent(ctx, bytes, (range) => files.read(key, range))
}

/** Whether a page of the site itself would run or apply the file. Pictures are shown, and links followed. */
function isForOwnPage(ctx: Context): boolean {
  const purpose = ctx.get('Sec-Fetch-Dest')
  return ctx.get('Sec-Fetch-Site') === 'same-origin' && !['', 'document', 'empty', 'image'].includes(purpose)
}
