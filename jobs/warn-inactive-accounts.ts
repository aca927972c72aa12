import { z } from 'zod'
import { warnInactive } from '../src/domain/accounts/deletion-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({})

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'warn-inactive-accounts': z.infer<typeof Payload>
  }
}

/**
 * Each day warns people who have not come for as long as `INACTIVE_ACCOUNT_DAYS` says that their accounts will be deleted.
 * Safe to run twice: who was warned is to be deleted already, which the same transaction notes.
 */
export const warnInactiveAccounts: Job<'warn-inactive-accounts'> = {
  name: 'warn-inactive-accounts',
  payload: Payload,
  attempts: 5,
  concurrency: 1,
  backoffSeconds: 60,
  schedule: '23 5 * * *',
  async handle(app, _payload, run) {
    const { inactiveDays } = app.config.accounts
    if (inactiveDays === undefined) return
    run.log.info({ warned: await warnInactive(app, run, inactiveDays) }, 'inactive accounts warned')
  },
}
