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
  /** Where the mail program ends such mails with one click (RFC 8058). */
  unsubscribeUrl?: string | undefined
}

/**
 * Why a mail did not leave: 'refused' for good, 'delayed' by the receiving side for a while, or the mail server is
 * 'away' (or does not know us), which says nothing about this mail.
 */
export type MailFailure = 'refused' | 'delayed' | 'away'

export class MailError extends Error {
  readonly failure: MailFailure
  /** What the mail server said; empty when it said nothing. */
  readonly reply: string
  /** It said so of the recipient, not of the mail. */
  readonly isAtRecipient: boolean

  constructor(
    failure: MailFailure,
    { cause, reply, isAtRecipient }: { cause: unknown; reply: string; isAtRecipient: boolean },
  ) {
    super(messageOf(cause), { cause })
    this.name = 'MailError'
    this.failure = failure
    this.reply = reply
    this.isAtRecipient = isAtRecipient
  }
}

export interface Mailer {
  /** True when mails leave by SMTP; false when they are only kept, to be read on a page. */
  readonly delivers: boolean
  /** Sends one mail and resolves to the mail server's answer. @throws MailError */
  send(mail: OutgoingMail): Promise<string>
  close(): void
}

/**
 * Unless the address says otherwise: a connection that is kept for all mails, which go one by one, and limits so that a
 * silent server is noticed.
 */
const TRANSPORT = {
  pool: 'true',
  maxConnections: '1',
  connectionTimeout: '10000',
  greetingTimeout: '10000',
  socketTimeout: '60000',
}

/** Mail by SMTP over pooled connections; without an SMTP address mails are kept and nothing leaves. */
export function createMailer({ smtpUrl, from, bouncesTo }: Config['mail']): Mailer {
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
    async send({ unsubscribeUrl, ...mail }) {
      try {
        const sent = await transport.sendMail({
          ...mail,
          ...(bouncesTo === undefined ? {} : { envelope: { from: bouncesTo, to: mail.to } }),
          headers: { ...SENT_BY_NOBODY, ...(unsubscribeUrl === undefined ? {} : oneClick(unsubscribeUrl)) },
        })
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

/** Programs that answer by themselves, such as notes of absence, leave these mails alone (RFC 3834). */
const SENT_BY_NOBODY = { 'Auto-Submitted': 'auto-generated' }

/** RFC 2369 and RFC 8058: the mail program shows a button and posts to the address without asking. */
function oneClick(url: string): Record<string, string> {
  return { 'List-Unsubscribe': `<${url}>`, 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' }
}

/** What a mail server answers to a message or its recipient is about this mail; all else is about the connection. */
function toMailError(error: unknown): MailError {
  const { code, command, response, responseCode } = error as {
    code?: string
    command?: string
    response?: string
    responseCode?: number
  }
  return new MailError(failureOf(), {
    cause: error,
    reply: response ?? '',
    isAtRecipient: command === 'RCPT TO',
  })

  function failureOf(): MailFailure {
    if (code !== 'EMESSAGE' && (code !== 'EENVELOPE' || command === 'MAIL FROM')) return 'away'
    return responseCode !== undefined && responseCode < 500 ? 'delayed' : 'refused'
  }
}
