import { createTransport } from 'nodemailer'
import { messageOf } from '../lib/errors.ts'
import type { Config } from './config.ts'

export interface OutgoingMail {
  to: string
  subject: string
  text: string
  html: string
  /** The same for every attempt, so that a repeated delivery is recognised. */
  messageId: string
}

/**
 * Why a mail did not leave: 'refused' for good, 'delayed' by the receiving side for a while, or the mail server is
 * 'away' (or does not know us), which says nothing about this mail.
 */
export type MailFailure = 'refused' | 'delayed' | 'away'

export class MailError extends Error {
  readonly failure: MailFailure

  constructor(message: string, failure: MailFailure, options: ErrorOptions) {
    super(message, options)
    this.name = 'MailError'
    this.failure = failure
  }
}

export interface Mailer {
  /** True when mails leave by SMTP; false when they are only kept, to be read on a page. */
  readonly delivers: boolean
  /** Sends one mail and resolves to the mail server's answer. @throws MailError */
  send(mail: OutgoingMail): Promise<string>
  close(): void
}

/** Unless the address says otherwise: connections that are kept, and limits so that a silent server is noticed. */
const TRANSPORT = {
  pool: 'true',
  maxConnections: '5',
  connectionTimeout: '10000',
  greetingTimeout: '10000',
  socketTimeout: '60000',
}

/** Mail by SMTP over pooled connections; without an SMTP address mails are kept and nothing leaves. */
export function createMailer({ smtpUrl, from }: Config['mail']): Mailer {
  if (smtpUrl === undefined) {
    return {
      delivers: false,
      send: () => Promise.resolve('kept, no mail server configured'),
      close: () => undefined,
    }
  }
  const address = new URL(smtpUrl)
  for (const [name, value] of Object.entries(TRANSPORT)) {
    if (!address.searchParams.has(name)) address.searchParams.set(name, value)
  }
  const transport = createTransport(address.href, { from })
  return {
    delivers: true,
    async send(mail) {
      try {
        const sent = await transport.sendMail(mail)
        return sent.response
      } catch (error) {
        throw toMailError(error)
      }
    },
    close() {
      transport.close()
    },
  }
}

/** What a mail server answers to a message or its recipient is about this mail; all else is about the connection. */
function toMailError(error: unknown): MailError {
  const { code, command, responseCode } = error as { code?: string; command?: string; responseCode?: number }
  const message = messageOf(error)
  return new MailError(message, failureOf(), { cause: error })

  function failureOf(): MailFailure {
    if (code !== 'EMESSAGE' && (code !== 'EENVELOPE' || command === 'MAIL FROM')) return 'away'
    return responseCode !== undefined && responseCode < 500 ? 'delayed' : 'refused'
  }
}
