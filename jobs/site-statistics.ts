import { z } from 'zod'
import { noteSite } from '../src/domain/statistics/activity-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({})

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'site-statistics': z.infer<typeof Payload>
  }
}

/** Notes what the site has, for its graphs. Safe to run twice: a day's figures are replaced. */
export const siteStatistics: Job<'site-statistics'> = {
  name: 'site-statistics',
  payload: Payload,
  attempts: 3,
  concurrency: 1,
  backoffSeconds: 60,
  schedule: '8 * * * *',
  async handle(_app, _payload, run) {
    await noteSite(run.openDb())
  },
}
