import { z } from 'zod'
import { reportWeek } from '../src/domain/notices/notice-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({})

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'report-week': z.infer<typeof Payload>
  }
}

/**
 * Each Monday tells owners what came in for their projects. Safe to run twice: a mail has the key of its owner and week.
 */
export const reportWeekJob: Job<'report-week'> = {
  name: 'report-week',
  payload: Payload,
  attempts: 5,
  concurrency: 1,
  backoffSeconds: 60,
  schedule: '17 6 * * 1',
  // Later in the week it would be last week's news.
  graceSeconds: 2 * 86_400,
  async handle(app, _payload, run) {
    await reportWeek(app, run)
  },
}
