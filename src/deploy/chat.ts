import { z } from 'zod'
import { escapeMarkup } from '../lib/escape-markup.ts'
import type { Deploy } from '../platform/deploy-store.ts'
import type { DeploySettings } from '../platform/deploy-config.ts'

const TIMEOUT_MS = 5_000

/** Slack's API says in its body whether it took a message; an incoming webhook only says “ok”. */
const Told = z.object({ ok: z.boolean().optional(), error: z.string().optional(), ts: z.string().optional() })

export type Chat = ReturnType<typeof createChat>

/**
 * Says in a chat what becomes of a deploy, in the form of Slack, which others understand as well. Where the chat names
 * the message in its reply (Slack's `chat.postMessage` does, incoming webhooks do not), the later ones follow in its thread.
 */
export function createChat({ chat, environment, url }: Pick<DeploySettings, 'chat' | 'environment' | 'url'>) {
  return {
    /** @returns the thread's name, once there is one. @throws Error when the message was not taken. */
    async tell({ id, sha, thread }: Deploy, text: string): Promise<string | undefined> {
      if (!chat) return undefined
      // A message must not call everybody in the channel because a pull request's title says so.
      const response = await fetch(chat.url, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          ...(chat.token === undefined ? {} : { Authorization: `Bearer ${chat.token}` }),
        },
        body: JSON.stringify({
          text: `${environment} · deploy ${id} · ${sha.slice(0, 7)} · ${escapeMarkup(text)} <${url}/deploys/${id}|log>`,
          ...(chat.channel === undefined ? {} : { channel: chat.channel }),
          ...(thread === null ? {} : { thread_ts: thread }),
        }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
        redirect: 'error',
      })
      const body = await response.text()
      const told = Told.catch({}).parse(body.startsWith('{') ? JSON.parse(body) : {})
      if (!response.ok || told.ok === false)
        throw new Error(`The chat says ${response.status} ${told.error ?? ''}`)
      return told.ts
    },
  }
}
