import { z } from 'zod'
import { reorderProject } from '../src/domain/tasks/rule-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({ projectId: z.int().positive() })

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'reorder-tasks': z.infer<typeof Payload>
  }
}

/**
 * Brings a project's tasks into the order of its new scheduler. Safe to run twice: each batch looks at the scheduler
 * that the project has then, and leaves alone what is in its order.
 */
export const reorderTasks: Job<'reorder-tasks'> = {
  name: 'reorder-tasks',
  payload: Payload,
  attempts: 5,
  concurrency: 1,
  backoffSeconds: 5,
  async handle(_app, { projectId }, run) {
    await reorderProject(() => run.openDb(), projectId)
  },
}
