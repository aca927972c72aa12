import { z } from 'zod'
import { tellFailures } from '../src/domain/failures/failure-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({})

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'tell-failures': z.infer<typeof Payload>
  }
}

/**
 * Each hour tells admins in one mail of the jobs that failed for good, and once a week of those they left. Safe to run
 * twice: the transaction that writes the mail notes of which failures they were told.
 */
export const tellFailuresJob: Job<'tell-failures'> = {
  name: 'tell-failures',
  payload: Payload,
  attempts: 5,
  concurrency: 1,
  backoffSeconds: 60,
  schedule: '9 * * * *',
  async handle(app, _payload, run) {
    await tellFailures(app, run.openDb())
  },
}
