import { z } from 'zod'
import { setCookie } from './sessions.ts'
import type { Context, Flash, Site } from './state.ts'
import { wantsJson } from './wants-json.ts'

const FlashPayload = z.object({ name: z.string(), values: z.record(z.string(), z.string()) })

const COOKIE = 'flash'
const PURPOSE = 'flash'
/** Whoever does not get to the page within this time, in seconds, has moved on. */
const SECONDS = 60

/** Leaves a sentence for the next page that this browser shows; who asks for JSON gets it in the answer. */
export function leaveFlash(ctx: Context, app: Site, name: string, values: Record<string, string> = {}): void {
  ctx.state.flash = { name, values }
  if (wantsJson(ctx)) return
  const payload = Buffer.from(JSON.stringify({ name, values })).toString('base64url')
  write(ctx, app, app.sealer.sign(PURPOSE, payload), SECONDS)
}

/** Takes what was left for this page. A script that fetches a page leaves it for the person. */
export function takeFlash(ctx: Context, app: Site): Flash | undefined {
  const cookie = ctx.cookies.get(COOKIE)
  const isPage = ['', 'document'].includes(ctx.get('Sec-Fetch-Dest')) && ctx.method === 'GET'
  if (!cookie || !isPage) return undefined
  write(ctx, app, '', 0)
  const payload = app.sealer.verify(PURPOSE, cookie)
  if (payload === undefined) return undefined
  return FlashPayload.parse(JSON.parse(Buffer.from(payload, 'base64url').toString()))
}

function write(ctx: Context, app: Site, value: string, seconds: number): void {
  setCookie(ctx, COOKIE, value, { seconds, secure: app.config.site.url.startsWith('https:') })
}
