import { z } from 'zod'
import { deliverWebhook, giveUpWebhook } from '../src/domain/webhooks/webhook-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({ deliveryId: z.int().positive(), isAgain: z.boolean() })

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'deliver-webhook': z.infer<typeof Payload>
  }
}

/**
 * Tells a project's webhook that a task is done; tried for about two hours. Safe to run twice: what has arrived is
 * noted, and after a crash in between the receiver gets the same body once more.
 */
export const deliverWebhookJob: Job<'deliver-webhook'> = {
  name: 'deliver-webhook',
  payload: Payload,
  attempts: 9,
  concurrency: 5,
  backoffSeconds: 30,
  async handle(app, { deliveryId, isAgain }, run) {
    await deliverWebhook(app, run, deliveryId, isAgain)
  },
  async giveUp(app, tx, { deliveryId }, error) {
    await giveUpWebhook(app, tx, deliveryId, error)
  },
}
