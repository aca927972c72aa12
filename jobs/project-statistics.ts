import { z } from 'zod'
import { countNewActivity } from '../src/domain/statistics/activity-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({})

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'project-statistics': z.infer<typeof Payload>
  }
}

/**
 * Counts what people answered since the last time, for graphs and leaderboards. Safe to run twice: the hours that may
 * still change are counted anew, each project in a transaction of its own.
 */
export const projectStatistics: Job<'project-statistics'> = {
  name: 'project-statistics',
  payload: Payload,
  attempts: 3,
  concurrency: 1,
  backoffSeconds: 30,
  schedule: '*/10 * * * *',
  async handle(_app, _payload, run) {
    const projects = await countNewActivity(() => run.openDb(), run.signal)
    run.log.info({ projects }, 'activity counted')
  },
}
