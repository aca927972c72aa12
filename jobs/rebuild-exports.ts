import { z } from 'zod'
import { rebuildReadyExports } from '../src/domain/exports/export-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({})

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'rebuild-exports': z.infer<typeof Payload>
  }
}

/**
 * Each night has the exports made anew that are kept ready for PyBossa's address, spread over hours, where people
 * contributed since. Safe to run twice: an export that waits for its turn is not asked for again.
 */
export const rebuildExports: Job<'rebuild-exports'> = {
  name: 'rebuild-exports',
  payload: Payload,
  attempts: 3,
  concurrency: 1,
  backoffSeconds: 60,
  schedule: '31 0 * * *',
  async handle(app, _payload, run) {
    const projects = await rebuildReadyExports(app, () => run.openDb())
    run.log.info({ projects }, 'exports are made anew')
  },
}
