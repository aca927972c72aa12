import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { ZipFile } from 'yazl'
import { z } from 'zod'
import { beginExport, failExport } from '../src/domain/exports/export-service.ts'
import type { ExportFormat, ExportNoun, ExportWork } from '../src/domain/exports/export-service.ts'
import { exporters } from '../src/exporters/index.ts'
import { fileNameOf } from '../src/lib/file-name.ts'
import type { App } from '../src/platform/app.ts'
import type { Job } from '../src/platform/job-runner.ts'

const Payload = z.strictObject({ exportId: z.int().positive() })

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'export-project': z.infer<typeof Payload>
  }
}

/**
 * Writes an export into the file store and mails its owner. Safe to run twice: an export that is done is left alone,
 * and one that was broken off begins again from its first row; nothing is visible before all of it is stored.
 */
export const exportProject: Job<'export-project'> = {
  name: 'export-project',
  payload: Payload,
  attempts: 3,
  concurrency: 2,
  backoffSeconds: 5,
  async handle(app, { exportId }, run) {
    try {
      const work = await beginExport(app, () => run.openDb(), exportId)
      if (work) await writeExport(app, work, run.signal)
    } catch (error) {
      if (run.isLastAttempt && !run.signal.aborted) await failExport(run.openDb(), exportId, error)
      throw error
    }
  },
}

async function writeExport(app: App, work: ExportWork, signal: AbortSignal): Promise<void> {
  const { record, project } = work
  const noun = record.what as ExportNoun
  const parent = join(app.config.folders.data, 'unfinished')
  await mkdir(parent, { recursive: true })
  const folder = await mkdtemp(join(parent, 'export-'))
  try {
    const shortName = fileNameOf(project.shortName)
    const name = `${project.id}_${shortName}_${noun}_${record.format}.zip`
    const members = exporters[record.format as ExportFormat].write({
      noun,
      shortName,
      folder,
      rows: untilAborted(work.rows(), signal),
    })
    const key = `exports/${project.id}/${record.id}.zip`
    const stored = await app.files.put(key, await zipOf(members))
    await work.finish({ key, name, ...stored })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function* untilAborted<T>(rows: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  for await (const row of rows) {
    signal.throwIfAborted()
    yield row
  }
}

/** A zip of members that are read one after the other as the zip is read. */
async function zipOf(members: AsyncIterable<{ name: string; content: Readable }>): Promise<Readable> {
  const zip = new ZipFile()
  const output = zip.outputStream as Readable
  for await (const { name, content } of members) {
    content.on('error', (error) => output.destroy(error))
    zip.addReadStream(content, name)
  }
  zip.end()
  return output
}
