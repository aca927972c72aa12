import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { JobRun } from '../../platform/job.ts'
import { queueMail } from '../mails/mail-service.ts'
import { getProjectById } from '../projects/project-service.ts'
import type { Project } from '../projects/project-service.ts'
import {
  countRows,
  findExport,
  findRequest,
  listExportRows,
  markExported,
  markProgress,
  markRunning,
} from './export-repository.ts'
import type { ExportRecord, ExportedFile, ProjectExport } from './export-repository.ts'
import { exportPageUrl } from './export-service.ts'
import { readableBytes } from '../../lib/readable-bytes.ts'

/** Days that an export can be downloaded. */
const EXPORT_DAYS = 7
/** Rows of one statement: few at first, then as many as fit into these bytes, since `info` may be large. */
const CHUNK_ROWS = { first: 100, max: 1_000 }
const CHUNK_LENGTH = 4_000_000
const PROGRESS_MS = 1_000

/** An export that is being made: its records, and how it ends well. */
export interface ExportWork {
  readonly record: ProjectExport
  readonly project: Project
  /** When the work began first: the same for a run after a crash. */
  readonly started: Date
  /** All records up to the last one there was at that moment, in id order, read in short statements. */
  records(): AsyncGenerator<ExportRecord>
  /** Ends the export and its job, and queues the mail about it, in one transaction. */
  finish(file: Omit<ExportedFile, 'nRows'>): Promise<void>
}

/**
 * Begins (or begins again) the work on an export.
 *
 * @returns undefined when it has ended already, or nobody knows of it any more.
 * @throws NotFoundError when its project is gone.
 */
export async function beginExport(
  app: Pick<App, 'queue' | 'config'>,
  run: Pick<JobRun, 'openDb' | 'commit' | 'signal'>,
  exportId: number,
): Promise<ExportWork | undefined> {
  const record = await run.openDb().readPrimary((primary) => findExport(primary, exportId))
  if (!record) return undefined
  const project = await getProjectById(run.openDb(), record.projectId)
  // The reads of this handle show what its own transaction saw, so that all rows up to the last id are there.
  const db = run.openDb()
  const extent = await db.write((tx) => markRunning(tx, record))
  if (!extent) return undefined
  const { lastId } = extent
  const nRows = await db.read((reader) => countRows(reader, project.id, record.what, lastId))
  const progress = createProgress(run.openDb, exportId, nRows)
  await progress.tell()

  return {
    record,
    project,
    started: new Date(extent.started),
    async *records() {
      for await (const chunk of readChunks(db, record, lastId)) {
        run.signal.throwIfAborted()
        yield* chunk
        await progress.add(chunk.length)
      }
    },
    async finish(file) {
      await run.commit(async (tx) => {
        const done = { ...file, nRows: progress.done() }
        await markExported(tx, exportId, done, EXPORT_DAYS)
        const request = await findRequest(tx, exportId)
        if (!request) return
        await queueMail(app, tx, {
          to: request.email,
          subject: `Your export of ${request.projectName} is ready`,
          template: 'export-ready',
          view: {
            projectName: request.projectName,
            rows: done.nRows,
            fileName: file.name,
            size: readableBytes(file.bytes),
            days: EXPORT_DAYS,
            url: exportPageUrl(app, request.shortName),
          },
        })
      })
    },
  }
}

async function* readChunks(
  db: RequestDb,
  record: ProjectExport,
  lastId: number,
): AsyncGenerator<ExportRecord[]> {
  let limit = CHUNK_ROWS.first
  let afterId = 0
  for (;;) {
    const page = { afterId, lastId, limit }
    const chunk = await db.read((reader) => listExportRows(reader, record, page))
    const last = chunk.at(-1)
    if (!last) return
    yield chunk
    afterId = last.id
    const length = chunk.reduce((sum, { info }) => sum + (info?.length ?? 0), 1)
    limit = Math.max(1, Math.min(CHUNK_ROWS.max, Math.floor((CHUNK_LENGTH * chunk.length) / length)))
  }
}

/** Counts rows and tells the database how far they are, at most once a second. */
function createProgress(openDb: () => RequestDb, exportId: number, nRows: number) {
  let nRowsDone = 0
  let told = 0

  async function tell(): Promise<void> {
    told = Date.now()
    await openDb().call((primary) => markProgress(primary, exportId, { nRows, nRowsDone }), { silent: true })
  }

  return {
    tell,
    async add(count: number): Promise<void> {
      nRowsDone += count
      if (Date.now() - told >= PROGRESS_MS) await tell()
    },
    done: () => nRowsDone,
  }
}
