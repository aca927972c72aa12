import { z } from 'zod'
import { noteCompletion } from '../src/domain/projects/completion-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({ projectId: z.int().positive(), taskId: z.int().positive() })

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'note-task-completed': z.infer<typeof Payload>
  }
}

/**
 * A task has all its task runs: the project's webhook is told, and when it was the last one the owner gets a mail. Safe
 * to run twice: both are queued in the transaction that ends the job.
 */
export const noteTaskCompleted: Job<'note-task-completed'> = {
  name: 'note-task-completed',
  payload: Payload,
  attempts: 5,
  concurrency: 2,
  backoffSeconds: 5,
  async handle(app, task, run) {
    await noteCompletion(app, run, task)
  },
}
