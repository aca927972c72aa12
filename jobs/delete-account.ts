import { z } from 'zod'
import { deleteAccount } from '../src/domain/accounts/deletion-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({ userId: z.int().positive() })

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'delete-account': z.infer<typeof Payload>
  }
}

/**
 * Deletes an account when its time has come. Safe to run twice: all of it happens in the transaction that ends the job,
 * and an account that was deleted, or is to stay, is left alone.
 */
export const deleteAccountJob: Job<'delete-account'> = {
  name: 'delete-account',
  payload: Payload,
  attempts: 8,
  concurrency: 1,
  backoffSeconds: 60,
  async handle(app, { userId }, run) {
    await deleteAccount(app, run, userId)
  },
}
