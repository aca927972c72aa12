import { createTransport } from 'nodemailer'
import type { Config } from './config.ts'

export interface OutgoingMail {
  to: string
  subject: string
  text: string
  html: string
  /** The same for every attempt, so that a repeated delivery is recognised. */
  messageId: string
}

export interface Mailer {
  /** True when mails leave by SMTP; false when they are only kept, to be read on a page. */
  readonly delivers: boolean
  /** Sends one mail and resolves to the provider's answer. @throws when the mail server refuses or is away. */
  send(mail: OutgoingMail): Promise<string>
  close(): void
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
  const transport = createTransport(smtpUrl, { from })
  return {
    delivers: true,
    async send(mail) {
      const sent = await transport.sendMail(mail)
      return sent.response
    },
    close() {
      transport.close()
    },
  }
}
