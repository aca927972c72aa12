import { z } from 'zod'
import { reviveFailures } from '../src/domain/failures/failure-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({ job: z.string() })

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'retry-failures': z.infer<typeof Payload>
  }
}

/** Lets all failures of one job begin anew. Safe to run twice: those that did are no failures any more. */
export const retryFailuresJob: Job<'retry-failures'> = {
  name: 'retry-failures',
  payload: Payload,
  attempts: 5,
  concurrency: 1,
  backoffSeconds: 5,
  async handle(app, { job }, run) {
    run.log.info({ retried: await reviveFailures(app, run, job) }, 'failures begin anew')
  },
}
