import { addAbortSignal } from 'node:stream'
import { z } from 'zod'
import { failExport, reopenExport } from '../src/domain/exports/export-service.ts'
import { beginExport } from '../src/domain/exports/export-work.ts'
import { described } from '../src/exporters/described.ts'
import { exportFileName, fileShortName } from '../src/exporters/file-names.ts'
import { exporters } from '../src/exporters/index.ts'
import { zipOf } from '../src/exporters/zip.ts'
import { AppError } from '../src/lib/errors.ts'
import { PermanentError } from '../src/platform/job.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({ exportId: z.int().positive() })

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'export-project': z.infer<typeof Payload>
  }
}

/**
 * Writes an export into the file store and mails who asked for it. Safe to run twice: an export that has ended is left
 * alone; one that was broken off begins again with its first row, ends at the same one and gives the same bytes under
 * the same key. Nothing is visible before all of it is stored.
 */
export const exportProject: Job<'export-project'> = {
  name: 'export-project',
  payload: Payload,
  attempts: 3,
  concurrency: 2,
  backoffSeconds: 10,
  async handle(app, { exportId }, run) {
    try {
      const work = await beginExport(app, run, exportId, ({ format }) => exporters[format])
      if (!work) return
      const { record, project, started, rows, description } = work
      const name = exportFileName(project, record.what, record.format)
      const key = `exports/${project.id}/${exportId}/${name}`
      const { members, explained } = exporters[record.format]
      const plan = { shortName: fileShortName(project.shortName), rows, about: description }
      const zip = zipOf(described(members(plan), description, explained), started)
      const stored = await app.files.put(key, addAbortSignal(run.signal, zip))
      await work.finish({ key, name, ...stored })
    } catch (error) {
      // What a person can act on does not mend itself.
      throw error instanceof AppError ? new PermanentError(error.message, { cause: error }) : error
    }
  },
  async giveUp(app, tx, { exportId }, error) {
    await failExport(app, tx, exportId, error)
  },
  async revive(tx, { exportId }) {
    await reopenExport(tx, exportId)
  },
}
