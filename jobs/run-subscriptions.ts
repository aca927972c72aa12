import { z } from 'zod'
import { askForDueExports } from '../src/domain/exports/subscription-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({})

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'run-subscriptions': z.infer<typeof Payload>
  }
}

/**
 * Each hour asks for the exports that people subscribed to. Safe to run twice: a subscription is moved to its next time
 * in the transaction that asks for its export.
 */
export const runSubscriptions: Job<'run-subscriptions'> = {
  name: 'run-subscriptions',
  payload: Payload,
  attempts: 3,
  concurrency: 1,
  backoffSeconds: 60,
  schedule: '4 * * * *',
  async handle(app, _payload, run) {
    const exports = await askForDueExports(app, () => run.openDb())
    run.log.info({ exports }, 'exports of subscriptions asked for')
  },
}
