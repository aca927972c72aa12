import { z } from 'zod'
import { startAutoImports } from '../src/domain/imports/auto-import-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({})

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'auto-import': z.infer<typeof Payload>
  }
}

/**
 * Each night begins the imports of projects that have new rows fetched every day. Safe to run twice: an import is noted
 * with its project in the transaction that makes it, and one a day is begun.
 */
export const autoImport: Job<'auto-import'> = {
  name: 'auto-import',
  payload: Payload,
  attempts: 5,
  concurrency: 1,
  backoffSeconds: 60,
  schedule: '41 2 * * *',
  async handle(app, _payload, run) {
    run.log.info({ begun: await startAutoImports(app, () => run.openDb()) }, 'automatic imports begun')
  },
}
