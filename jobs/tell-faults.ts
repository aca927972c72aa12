import { z } from 'zod'
import { tellFaults } from '../src/domain/faults/fault-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({})

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'tell-faults': z.infer<typeof Payload>
  }
}

/**
 * Tells admins of the errors that people met and nobody had foreseen. Safe to run twice: the transaction that writes the
 * mail notes of which they were told.
 */
export const tellFaultsJob: Job<'tell-faults'> = {
  name: 'tell-faults',
  payload: Payload,
  attempts: 5,
  concurrency: 1,
  backoffSeconds: 60,
  schedule: '*/10 * * * *',
  graceSeconds: 600,
  async handle(app, _payload, run) {
    await tellFaults(app, run.openDb())
  },
}
