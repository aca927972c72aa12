import { z } from 'zod'
import { inviteBack } from '../src/domain/notices/invitation-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({})

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'invite-back': z.infer<typeof Payload>
  }
}

/**
 * Each quarter writes to people who asked for it and have not contributed for months, or never. Safe to run twice: the
 * mail's key names the quarter and the person.
 */
export const inviteBackJob: Job<'invite-back'> = {
  name: 'invite-back',
  payload: Payload,
  attempts: 5,
  concurrency: 1,
  backoffSeconds: 60,
  schedule: '17 8 1 1,4,7,10 *',
  async handle(app, _payload, run) {
    await inviteBack(app, run)
  },
}
