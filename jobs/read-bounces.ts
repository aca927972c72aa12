import { z } from 'zod'
import { readBounces } from '../src/domain/mails/bounce-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({})

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'read-bounces': z.infer<typeof Payload>
  }
}

/**
 * Every ten minutes reads what came back to the mailbox of `MAIL_BOUNCES_URL`. Safe to run twice: an address is
 * suppressed once, and a message counts as seen when that has been noted.
 */
export const readBouncesJob: Job<'read-bounces'> = {
  name: 'read-bounces',
  payload: Payload,
  attempts: 3,
  concurrency: 1,
  backoffSeconds: 30,
  schedule: '*/10 * * * *',
  graceSeconds: 600,
  async handle(app, _payload, run) {
    await readBounces(app, run)
  },
}
