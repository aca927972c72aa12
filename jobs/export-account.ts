import { addAbortSignal } from 'node:stream'
import { z } from 'zod'
import {
  beginAccountExport,
  failAccountExport,
  reopenAccountExport,
} from '../src/domain/accounts/export-service.ts'
import type { AccountPart } from '../src/domain/accounts/export-service.ts'
import type { ExportMember } from '../src/exporters/exporter.ts'
import { zipOf } from '../src/exporters/zip.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({ exportId: z.int().positive() })

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'export-account': z.infer<typeof Payload>
  }
}

/**
 * Puts all of a person's own data into a zip and mails them its link. Safe to run twice: what has ended is left alone,
 * and one that was broken off is written again under the same key.
 */
export const exportAccount: Job<'export-account'> = {
  name: 'export-account',
  payload: Payload,
  attempts: 5,
  concurrency: 1,
  backoffSeconds: 30,
  async handle(app, { exportId }, run) {
    const work = await beginAccountExport(app, run, exportId)
    if (!work) return
    const { bytes } = await app.files.put(
      work.key,
      addAbortSignal(run.signal, zipOf(work.parts.map(memberOf), work.created)),
    )
    await work.finish(bytes)
  },
  async giveUp(_app, tx, { exportId }) {
    await failAccountExport(tx, exportId)
  },
  async revive(tx, { exportId }) {
    await reopenAccountExport(tx, exportId)
  },
}

function memberOf({ name, content }: AccountPart): ExportMember {
  return {
    name,
    async write(write) {
      for await (const part of content()) await write(part)
    },
  }
}
