import { z } from 'zod'
import { tellQuietProjects } from '../src/domain/notices/notice-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({})

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'tell-quiet-projects': z.infer<typeof Payload>
  }
}

/**
 * Each day tells owners of projects that have tasks left and got no task run for three months. Safe to run twice: the
 * project notes of which quiet spell its owners were told, in the transaction that writes their mails.
 */
export const tellQuietProjectsJob: Job<'tell-quiet-projects'> = {
  name: 'tell-quiet-projects',
  payload: Payload,
  attempts: 5,
  concurrency: 1,
  backoffSeconds: 60,
  schedule: '41 7 * * *',
  async handle(app, _payload, run) {
    await tellQuietProjects(app, run)
  },
}
