import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Context } from './state.ts'
import { isUnchanged, openToPresenters, sendContent } from './sent-file.ts'

const demo = fileURLToPath(new URL('../demo', import.meta.url))
const DAY = 'public, max-age=86400'
const PREFIX = '/media/'

const TYPES: Record<string, string> = {
  '.jpg': 'image/jpeg',
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.svg': 'image/svg+xml',
  '.wav': 'audio/wav',
  '.mp3': 'audio/mpeg',
  '.ogg': 'audio/ogg',
  '.webm': 'video/webm',
  '.mp4': 'video/mp4',
  '.pdf': 'application/pdf',
  '.json': 'application/json',
  '.xml': 'application/xml',
  '.txt': 'text/plain; charset=utf-8',
}

/** Whether a path is that of a file that ships with the demo project or with a template's sample tasks. */
export function isDemoMedia(path: string): boolean {
  return path.startsWith(PREFIX)
}

/** Sends `/media/demo/<file>` or `/media/samples/<template>/<file>`, whole or the part that a player asks for. */
export async function sendDemoMedia(ctx: Context): Promise<void> {
  const path = fileOf(ctx.path)
  const type = TYPES[extname(ctx.path)]
  const found = path === undefined ? undefined : await stat(path).catch(() => undefined)
  if (path === undefined || type === undefined || !found?.isFile()) {
    ctx.status = 404
    ctx.body = 'There is no such file.'
    return
  }
  openToPresenters(ctx, DAY)
  // A drawing that somebody opens by itself runs nothing.
  ctx.set('Content-Security-Policy', "sandbox; default-src 'none'; style-src 'unsafe-inline'")
  ctx.lastModified = found.mtime
  if (isUnchanged(ctx)) return
  ctx.type = type
  sendContent(ctx, found.size, (range) => createReadStream(path, range))
}

function fileOf(path: string): string | undefined {
  const [, sample, name = ''] = /^\/media\/(?:demo|samples\/([a-z-]+))\/([\w-]+\.[a-z\d]+)$/.exec(path) ?? []
  if (name === '') return undefined
  if (sample !== undefined) return join(demo, 'samples', sample, name)
  return name === 'thumbnail.jpg' ? join(demo, name) : join(demo, 'media', name)
}
