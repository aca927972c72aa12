import { z } from 'zod'
import { deliverMail, noteUndelivered, noteWaiting } from '../src/domain/mails/mail-delivery.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({ mailId: z.int().positive() })

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'send-mail': z.infer<typeof Payload>
  }
}

/**
 * Hands a mail to the mail server; tried for about twenty minutes when its receiver asks to wait, for three days while
 * the mail server is away. Safe to run twice: a mail that was sent is noted in its row, and one that is repeated after
 * a crash carries the same Message-ID.
 */
export const sendMail: Job<'send-mail'> = {
  name: 'send-mail',
  payload: Payload,
  isUrgent: true,
  attempts: 8,
  concurrency: 2,
  backoffSeconds: 10,
  async handle(app, { mailId }, run) {
    await deliverMail(app, run, mailId)
  },
  async giveUp(_app, tx, { mailId }, error) {
    await noteUndelivered(tx, mailId, error)
  },
  async revive(tx, { mailId }) {
    await noteWaiting(tx, mailId)
  },
}
