import { z } from 'zod'
import { announceCompletion } from '../src/domain/projects/completion-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({ projectId: z.int().positive(), taskId: z.int().positive() })

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'note-task-completed': z.infer<typeof Payload>
  }
}

/**
 * A task has all its task runs: when it was the project's last one, the owner gets a mail. Safe to run twice: the mail
 * is queued in the transaction that ends the job, and once for the number of tasks that the project has.
 */
export const noteTaskCompleted: Job<'note-task-completed'> = {
  name: 'note-task-completed',
  payload: Payload,
  attempts: 5,
  concurrency: 2,
  backoffSeconds: 5,
  async handle(app, { projectId }, run) {
    await announceCompletion(app, run, projectId)
  },
}
