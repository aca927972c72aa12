import type { Readable } from 'node:stream'
import { AppError, NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import { queueMail } from '../mails/mail-service.ts'
import type { ProjectViewer } from '../projects/project-policy.ts'
import { getProjectById, mustEdit } from '../projects/project-service.ts'
import type { Project } from '../projects/project-service.ts'
import { getUserById } from '../users/user-service.ts'
import {
  findExport,
  findRunningExport,
  forgetFile,
  insertExport,
  listExpired,
  listExportRows,
  listExports,
  markExportFailed,
  markExported,
  markProgress,
  markRunning,
  measure,
} from './export-repository.ts'
import type { ExportFormat, ExportNoun, ExportedFile, ProjectExport } from './export-repository.ts'

export type { ExportFormat, ExportNoun, ProjectExport } from './export-repository.ts'

/** Days that an export can be downloaded. */
export const EXPORT_DAYS = 7
const CHUNK = 1_000

/** Asks for an export; one of the same kind that has not ended is given back instead of made twice. */
export async function requestExport(
  app: Pick<App, 'queue'>,
  db: RequestDb,
  viewer: ProjectViewer | undefined,
  project: Project,
  wanted: { what: ExportNoun; format: ExportFormat },
): Promise<ProjectExport> {
  const { id: userId } = mustEdit(viewer, project)
  return db.write(async (tx) => {
    const same = { projectId: project.id, userId, ...wanted }
    const running = await findRunningExport(tx, same)
    if (running) return running
    const made = await insertExport(tx, same)
    await app.queue.enqueue(tx, 'export-project', { exportId: made.id })
    return made
  })
}

/** A project's exports for its owners, newest first. */
export async function listProjectExports(
  db: RequestDb,
  viewer: ProjectViewer | undefined,
  project: Project,
): Promise<ProjectExport[]> {
  mustEdit(viewer, project)
  return db.read((reader) => listExports(reader, project.id))
}

/** How many rows an export of each kind would have now. */
export async function countExportRows(db: RequestDb, project: Project): Promise<Record<ExportNoun, number>> {
  return db.read(async (reader) => ({
    task: (await measure(reader, project.id, 'task')).nRows,
    task_run: (await measure(reader, project.id, 'task_run')).nRows,
    result: (await measure(reader, project.id, 'result')).nRows,
  }))
}

/**
 * A finished export's file.
 *
 * @throws NotFoundError when it does not belong to the project, has not ended or is gone.
 */
export async function openExport(
  app: Pick<App, 'files'>,
  db: RequestDb,
  viewer: ProjectViewer | undefined,
  project: Project,
  exportId: number,
): Promise<{ name: string; bytes: number; content: Readable }> {
  mustEdit(viewer, project)
  const found = await db.read((reader) => findExport(reader, exportId))
  if (found?.projectId !== project.id || found.fileKey === null || found.fileName === null) {
    throw new NotFoundError('export', exportId)
  }
  const bytes = await app.files.size(found.fileKey)
  if (bytes === undefined) throw new NotFoundError('export', exportId)
  return { name: found.fileName, bytes, content: app.files.read(found.fileKey) }
}

/** An export that is being made: its rows, and the ways it can end. */
export interface ExportWork {
  readonly record: ProjectExport
  readonly project: Project
  readonly nRows: number
  /** All rows up to the moment the export began, in id order, read in short statements. */
  rows(): AsyncGenerator<Record<string, unknown>>
  finish(file: Omit<ExportedFile, 'nRows'>): Promise<void>
}

/**
 * Begins (or begins again) the work on an export.
 *
 * @param openDb a handle whose reads show at least what was there when the export was asked for.
 * @returns undefined when it has been made already.
 */
export async function beginExport(
  app: Pick<App, 'queue' | 'config'>,
  openDb: () => RequestDb,
  exportId: number,
): Promise<ExportWork | undefined> {
  const record = await openDb().readPrimary((primary) => findExport(primary, exportId))
  if (!record || record.state === 'done') return undefined
  const project = await getProjectById(openDb(), record.projectId)
  const what = record.what as ExportNoun
  const { nRows, lastId } = await openDb().read((reader) => measure(reader, project.id, what))
  await openDb().call((primary) => markRunning(primary, exportId, nRows), { silent: true })
  const reader = openDb()

  async function* rows() {
    let afterId = 0
    let done = 0
    let told = Date.now()
    for (;;) {
      const chunk = await reader.read((db) =>
        listExportRows(db, project.id, what, { afterId, lastId, limit: CHUNK }),
      )
      yield* chunk
      const last = chunk.at(-1)
      if (!last) return
      afterId = last.id
      done += chunk.length
      if (Date.now() - told < 1_000) continue
      told = Date.now()
      const nRowsDone = done
      await openDb().call((primary) => markProgress(primary, exportId, nRowsDone), { silent: true })
    }
  }

  return {
    record,
    project,
    nRows,
    rows,
    async finish(file) {
      const owner = await getUserById(openDb(), record.userId)
      await openDb().write(async (tx) => {
        await markExported(tx, exportId, { ...file, nRows }, EXPORT_DAYS)
        await queueMail(app, tx, {
          to: owner.email,
          subject: `Your export of ${project.name} is ready`,
          template: 'export-ready',
          view: {
            project,
            rows: nRows,
            fileName: file.name,
            size: readableBytes(file.bytes),
            url: `${app.config.site.url}/project/${encodeURIComponent(project.shortName)}/tasks/export/${exportId}`,
          },
        })
      })
    },
  }
}

/** Bytes as a person reads them: 512 bytes, 12 kB, 3.4 MB. */
function readableBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`
  return bytes < 1_000_000 ? `${Math.round(bytes / 1_000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
}

/** Says why an export did not come about. */
export async function failExport(db: RequestDb, exportId: number, error: unknown): Promise<void> {
  const reason =
    error instanceof AppError ? error.message : 'It could not be written. The site has noted why.'
  await db.call((primary) => markExportFailed(primary, exportId, reason), { silent: true })
}

/** Removes the files of exports whose time is over; how many. Safe to repeat: a file that is gone is no error. */
export async function removeExpiredExports(
  app: Pick<App, 'files'>,
  openDb: () => RequestDb,
): Promise<number> {
  const expired = await openDb().readPrimary((primary) => listExpired(primary, 500))
  for (const { id, fileKey } of expired) {
    await app.files.remove(fileKey)
    await openDb().call((primary) => forgetFile(primary, id), { silent: true })
  }
  return expired.length
}
