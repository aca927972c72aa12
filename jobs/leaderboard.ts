import { z } from 'zod'
import { rankEverybody } from '../src/domain/statistics/activity-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({})

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    leaderboard: z.infer<typeof Payload>
  }
}

/**
 * Ranks people by their answers, after activity was counted. Safe to run twice: the ranks are written anew, in one
 * transaction.
 */
export const leaderboard: Job<'leaderboard'> = {
  name: 'leaderboard',
  payload: Payload,
  attempts: 3,
  concurrency: 1,
  backoffSeconds: 30,
  schedule: '2-59/10 * * * *',
  async handle(_app, _payload, run) {
    await rankEverybody(run.openDb())
  },
}
