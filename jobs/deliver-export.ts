import { z } from 'zod'
import { deliverExport, giveUpDelivery, reopenDelivery } from '../src/domain/exports/bucket-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({ exportId: z.int().positive() })

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'deliver-export': z.infer<typeof Payload>
  }
}

/**
 * Brings a finished export into the bucket of its project's owners; tried for about two hours. Safe to run twice: the same
 * file is written under the same name.
 */
export const deliverExportJob: Job<'deliver-export'> = {
  name: 'deliver-export',
  payload: Payload,
  attempts: 9,
  concurrency: 2,
  backoffSeconds: 30,
  async handle(app, { exportId }, run) {
    await deliverExport(app, run, exportId)
  },
  async giveUp(app, tx, { exportId }, error) {
    await giveUpDelivery(app, tx, exportId, error)
  },
  async revive(tx, { exportId }) {
    await reopenDelivery(tx, exportId)
  },
}
