import { z } from 'zod'
import { deliverMail } from '../src/domain/mails/mail-service.ts'
import type { Job } from '../src/platform/job-runner.ts'

const Payload = z.strictObject({ mailId: z.int().positive() })

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'send-mail': z.infer<typeof Payload>
  }
}

/**
 * Hands a mail to the mail server; tried for about twenty minutes. Safe to run twice: a mail that was sent is noted in
 * its row, and one that is repeated after a crash carries the same Message-ID.
 */
export const sendMail: Job<'send-mail'> = {
  name: 'send-mail',
  payload: Payload,
  attempts: 8,
  concurrency: 5,
  backoffSeconds: 10,
  async handle(app, { mailId }, run) {
    await deliverMail(app, run.openDb(), mailId)
  },
}
