import { z } from 'zod'
import { queueNewsletter } from '../src/domain/newsletters/newsletter-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({ newsletterId: z.int().positive() })

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'send-newsletter': z.infer<typeof Payload>
  }
}

/**
 * Queues the mails of a newsletter, chunk by chunk. Safe to run twice: the newsletter notes how far it has got in the
 * transaction that queues a chunk, and a mail has the key of its newsletter and reader.
 */
export const sendNewsletterJob: Job<'send-newsletter'> = {
  name: 'send-newsletter',
  payload: Payload,
  attempts: 10,
  concurrency: 1,
  backoffSeconds: 30,
  async handle(app, { newsletterId }, run) {
    await queueNewsletter(app, run, newsletterId)
  },
}
