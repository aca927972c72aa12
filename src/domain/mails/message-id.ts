import type { App } from '../../platform/app.ts'
import type { Mail } from './mail-repository.ts'

/** A mail's Message-ID: the same for every attempt. Its time, to the microsecond, is known to who got the mail. */
export function messageIdOf(app: Pick<App, 'config'>, { id, created }: Pick<Mail, 'id' | 'created'>): string {
  return `<mail-${id}-${created.replace(/\D/g, '')}@${new URL(app.config.site.url).hostname}>`
}

/** The mail that a Message-ID belongs to; undefined when it is none of ours. */
export function mailIdOf(messageId: string): number | undefined {
  const [, id] = /^<?mail-(\d{1,15})-/.exec(messageId) ?? []
  return id === undefined ? undefined : Number(id)
}
