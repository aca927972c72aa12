import { Readable } from 'node:stream'
import { z } from 'zod'
import { beginImport, failImport, readableReason } from '../src/domain/imports/import-work.ts'
import type { FetchedRows, ImportWork } from '../src/domain/imports/import-work.ts'
import { openBucketSecret, reviveImport } from '../src/domain/imports/import-service.ts'
import { isRemote } from '../src/domain/imports/row-source.ts'
import type { RemoteSource } from '../src/domain/imports/row-source.ts'
import { fetchRows } from '../src/importers/fetch-rows.ts'
import { ImportError } from '../src/importers/importer.ts'
import { findImporter } from '../src/importers/index.ts'
import { reportOf } from '../src/importers/problem-report.ts'
import { ImportChoices, taskInputs } from '../src/importers/task-inputs.ts'
import { AppError } from '../src/lib/errors.ts'
import type { App } from '../src/platform/app.ts'
import { PermanentError } from '../src/platform/job.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({ importId: z.int().positive() })

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'import-tasks': z.infer<typeof Payload>
  }
}

/**
 * Fetches an import's rows where they are elsewhere, and adds them as tasks once that is confirmed. Safe to run twice:
 * tasks, end and mail are one transaction, which is undone when another run has ended the import before.
 */
export const importTasks: Job<'import-tasks'> = {
  name: 'import-tasks',
  payload: Payload,
  attempts: 4,
  concurrency: 2,
  backoffSeconds: 10,
  async handle(app, { importId }, run) {
    const work = await beginImport(app, run, importId)
    if (!work) return
    try {
      await fetchAndStore(app, work, run.signal)
    } catch (error) {
      // What a person can act on ends the import, and does not mend itself.
      if (!(error instanceof AppError)) throw error
      await work.fail({ error: error.message })
    }
  },
  async giveUp(app, tx, { importId }, error) {
    await failImport(app, tx, importId, { error: readableReason(error) })
  },
  async revive(tx, { importId }) {
    await reviveImport(tx, importId)
  },
}

type ImportApp = Pick<App, 'web' | 'config' | 'sealer'>

async function fetchAndStore(app: ImportApp, work: ImportWork, signal: AbortSignal): Promise<void> {
  const { source, fileKey, state } = work.record
  const isFetched = fileKey !== null || !isRemote(source)
  const record = isFetched ? work.record : await work.keep(await fetched(app, work.record, source, signal))
  if (state === 'running') await store(app.config, { ...work, record })
}

async function fetched(
  app: ImportApp,
  { bucketKeys }: ImportWork['record'],
  source: RemoteSource,
  signal: AbortSignal,
): Promise<FetchedRows> {
  const hasKeys = source.kind === 's3' && source.keys !== undefined
  const bucketSecret = hasKeys ? await openBucketSecret(app, bucketKeys) : undefined
  return fetchRows(app, source, { bucketSecret, signal })
}

async function store(config: App['config'], { record, rows, ...work }: ImportWork): Promise<void> {
  const importer = findImporter(record.importer)
  if (!importer) throw new PermanentError(`There is no importer "${record.importer}"`)
  const { reading, ...choices } = ImportChoices.parse(record.options)
  const source = { config, open: rows }
  try {
    const tasks = taskInputs(importer.read(source, reading), choices, work.keepPicture)
    await work.store(tasks, importer)
  } catch (error) {
    if (!(error instanceof ImportError)) throw error
    const report = reportOf(importer.problems(source, reading))
    await work.refuse({
      report: Readable.from(report.text, { objectMode: false }),
      failure: () => ({ error: error.message, nProblems: report.count() }),
    })
  }
}
