import type { App } from '../platform/app.ts'
import { openFileLink } from '../platform/file-link.ts'
import { sendContent } from './sent-file.ts'
import type { Context, Handler } from './state.ts'

const PREFIX = '/files/'

/** Private files below /files: the address itself is the permission, and runs out. */
export function linkedFiles(app: Pick<App, 'files' | 'sealer'>): Handler {
  return async (ctx, next) => {
    const isRead = ctx.method === 'GET' || ctx.method === 'HEAD'
    if (isRead && ctx.path.startsWith(PREFIX)) await send(app, ctx)
    else await next()
  }
}

async function send(app: Pick<App, 'files' | 'sealer'>, ctx: Context): Promise<void> {
  ctx.set({
    'Cache-Control': 'private, no-store',
    'Content-Security-Policy': "sandbox; default-src 'none'",
    'X-Content-Type-Options': 'nosniff',
    'X-Robots-Tag': 'noindex',
  })
  const file = await openFileLink(app, ctx.path.slice(PREFIX.length))
  const bytes = file && (await app.files.size(file.key))
  if (!file || bytes === undefined) {
    ctx.status = 404
    ctx.body = 'This link has run out, or it is not whole. Ask for a new one where you found it.'
    return
  }
  ctx.etag = file.key
  ctx.attachment(file.name)
  ctx.type = 'application/octet-stream'
  ctx.status = 200
  sendContent(ctx, bytes, (range) => app.files.read(file.key, range))
}
