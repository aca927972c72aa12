import type { Job } from '../src/platform/job.ts'
import { sendMail } from './send-mail.ts'

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'send-bulk-mail': JobPayloads['send-mail']
  }
}

/**
 * Hands one of very many mails to the mail server, in a queue of its own, so that a new password never waits behind a
 * newsletter. Safe to run twice as `send-mail` is.
 */
export const sendBulkMail: Job<'send-bulk-mail'> = { ...sendMail, name: 'send-bulk-mail', isUrgent: false }
