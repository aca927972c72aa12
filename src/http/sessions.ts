import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import type { Context, Site } from './state.ts'

const SessionPayload = z.object({ sid: z.uuid() })

/** How long a browser keeps its session, in seconds: 30 days. */
const SESSION_SECONDS = 30 * 86_400
const PURPOSE = 'session'

/** The session cookie: encrypted, for this site's pages only, unreadable by scripts. */
export interface SessionCookie {
  read(ctx: Context): Promise<string | undefined>
  write(ctx: Context, sessionId: string): Promise<void>
  clear(ctx: Context): void
}

/** Opened cookies are kept in a small cache: decrypting on each request would cost more than the rest of it. */
export function createSessionCookie(app: Site): SessionCookie {
  const isHttps = app.config.site.url.startsWith('https:')
  const name = isHttps ? '__Host-session' : 'session'
  const opened = new LRUCache<string, { sid: string }>({ max: 5_000, ttl: 3_600_000 })
  const keyOf = (token: string) => createHash('sha256').update(token).digest('base64')

  return {
    async read(ctx) {
      const token = ctx.cookies.get(name)
      if (!token || token.length > 2_000) return undefined
      const key = keyOf(token)
      const known = opened.get(key)
      if (known) return known.sid
      const payload = SessionPayload.safeParse(await app.sealer.open(PURPOSE, token))
      if (!payload.success) return undefined
      opened.set(key, payload.data)
      return payload.data.sid
    },

    async write(ctx, sessionId) {
      const token = await app.sealer.seal(PURPOSE, { sid: sessionId }, SESSION_SECONDS)
      setCookie(ctx, name, token, { seconds: SESSION_SECONDS, secure: isHttps })
    },

    clear(ctx) {
      setCookie(ctx, name, '', { seconds: 0, secure: isHttps })
    },
  }
}

/**
 * Sets a cookie that only this host's requests carry.
 *
 * @param options.seconds lifetime; 0 removes it.
 */
export function setCookie(
  ctx: Context,
  name: string,
  value: string,
  options: { seconds: number; secure: boolean; readable?: boolean },
): void {
  const parts = [`${name}=${value}`, 'Path=/', `Max-Age=${options.seconds}`, 'SameSite=Lax']
  if (!options.readable) parts.push('HttpOnly')
  if (options.secure) parts.push('Secure')
  ctx.append('Set-Cookie', parts.join('; '))
}
