import { z } from 'zod'
import { removeExpiredExports } from '../src/domain/exports/export-service.ts'
import { forgetOldRequests } from '../src/domain/assignment/assignment-service.ts'
import { forgetOldDrafts } from '../src/domain/imports/import-service.ts'
import type { Job } from '../src/platform/job-runner.ts'
import { forgetEndedJobs } from '../src/platform/queue.ts'

const Payload = z.strictObject({})

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'clean-up': z.infer<typeof Payload>
  }
}

/**
 * Each night removes what nobody needs any more: files of expired exports, drafts of imports, old requests for tasks,
 * jobs that ended. Safe to run twice: what is gone is not found again.
 */
export const cleanUp: Job<'clean-up'> = {
  name: 'clean-up',
  payload: Payload,
  attempts: 3,
  concurrency: 1,
  backoffSeconds: 60,
  schedule: '17 3 * * *',
  async handle(app, _payload, run) {
    const openDb = () => run.openDb()
    const counts = {
      exports: await removeExpiredExports(app, openDb),
      imports: await forgetOldDrafts(app, openDb),
      requests: await forgetOldRequests(openDb),
      jobs: await forgetEndedJobs(openDb()),
    }
    run.log.info(counts, 'cleaned up')
  },
}
