import { z } from 'zod'
import { RuleChange, carryOut } from '../src/domain/tasks/rule-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({
  projectId: z.int().positive(),
  tasks: z.union([z.literal('all'), z.array(z.int().positive())]),
  change: RuleChange,
  userId: z.int().positive(),
  caller: z.enum(['web', 'api']),
})

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'change-rules': z.infer<typeof Payload>
  }
}

/**
 * Changes the rules of very many tasks, all or nothing. Safe to run twice: the same rules once more change nothing but
 * the history, which tells of them again.
 */
export const changeRules: Job<'change-rules'> = {
  name: 'change-rules',
  payload: Payload,
  attempts: 3,
  concurrency: 1,
  backoffSeconds: 5,
  async handle(_app, order, run) {
    run.log.info(await carryOut(run.openDb(), order), 'changed the rules of many tasks')
  },
}
