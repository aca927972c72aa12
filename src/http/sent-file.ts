import type { Readable } from 'node:stream'
import type { ByteRange } from '../platform/files.ts'
import type { Context } from './state.ts'

/** Makes an answer readable from presenter hosts, which are other origins. */
export function openToPresenters(ctx: Context, caching: string): void {
  ctx.set({
    'Cache-Control': caching,
    'Access-Control-Allow-Origin': '*',
    'Cross-Origin-Resource-Policy': 'cross-origin',
    'X-Content-Type-Options': 'nosniff',
  })
}

/** Whether the browser's copy is the same, and then says so: a reload asks in spite of the year. */
export function isUnchanged(ctx: Context): boolean {
  ctx.status = 200
  if (ctx.fresh) ctx.status = 304
  return ctx.status === 304
}

/** Sends a content, whole or the part that a player, or a download that broke off, asks for. */
export function sendContent(ctx: Context, bytes: number, read: (range?: ByteRange) => Readable): void {
  ctx.set('Accept-Ranges', 'bytes')
  const part = partOf(ctx, bytes)
  if (part) {
    ctx.status = 206
    ctx.set('Content-Range', `bytes ${part.start}-${part.end}/${bytes}`)
  }
  ctx.length = part ? part.end - part.start + 1 : bytes
  if (ctx.method !== 'HEAD') ctx.body = read(part)
}

/** The one range of a request; undefined sends everything, which is always allowed. */
function partOf(ctx: Context, bytes: number): { start: number; end: number } | undefined {
  const version = ctx.get('If-Range')
  const versions = [ctx.response.get('ETag'), ctx.response.get('Last-Modified')]
  if (version !== '' && !versions.includes(version)) return undefined
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(ctx.get('Range')) ?? []
  if (from === '' && to === '') return undefined
  const start = from === '' ? Math.max(0, bytes - Number(to)) : Number(from)
  const end = from === '' || to === '' ? bytes - 1 : Math.min(Number(to), bytes - 1)
  return start <= end ? { start, end } : undefined
}
