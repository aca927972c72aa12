import type { Readable } from 'node:stream'
import { AppError, NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Tx } from '../../platform/postgres.ts'
import { queueMail } from '../mails/mail-service.ts'
import type { ProjectViewer } from '../projects/project-policy.ts'
import { mustEdit } from '../projects/project-service.ts'
import type { Project } from '../projects/project-service.ts'
import {
  countRows,
  deleteOldExports,
  findExport,
  findRequest,
  forgetFile,
  insertExport,
  listExpired,
  listExports,
  lockUnfinished,
  markExportFailed,
  markWaiting,
} from './export-repository.ts'
import type { ExportFormat, ProjectExport } from './export-repository.ts'
import type { ExportTable } from './column-repository.ts'
import { deleteOldVersions } from './cut-repository.ts'

export type { ExportTable } from './column-repository.ts'
export type { ExportFormat, ProjectExport } from './export-repository.ts'

/**
 * Asks for an export; one of the same kind that waits for its turn is given back instead of made twice.
 *
 * @throws AppError conflict while the same person's last one is being made: it lacks what came since it began.
 */
export async function requestExport(
  app: Pick<App, 'queue'>,
  db: RequestDb,
  viewer: ProjectViewer | undefined,
  project: Project,
  { what, format }: { what: ExportTable; format: ExportFormat },
): Promise<ProjectExport> {
  const { id: userId } = mustEdit(viewer, project)
  const wanted = { projectId: project.id, userId, what, format, origin: 'asked' as const }
  return db.write(async (tx) => {
    // The one that stands in the way may end between the two statements: then there is room for a new one.
    for (;;) {
      const made = await insertExport(tx, wanted)
      if (made) {
        await app.queue.enqueue(tx, 'export-project', { exportId: made.id })
        return made
      }
      const unfinished = await lockUnfinished(tx, wanted)
      if (unfinished?.state === 'waiting') return unfinished
      if (unfinished) throw new AppError('conflict', BEING_MADE)
    }
  })
}

const BEING_MADE =
  'This export is being made already, without what has changed since it began. Ask for it again when it is ready.'

/** A project's exports for its owners, newest first. */
export async function listProjectExports(
  db: RequestDb,
  viewer: ProjectViewer | undefined,
  project: Project,
): Promise<ProjectExport[]> {
  mustEdit(viewer, project)
  return db.read((reader) => listExports(reader, project.id))
}

/** One of them. @throws NotFoundError also for an export of another project. */
export async function getProjectExport(
  db: RequestDb,
  viewer: ProjectViewer | undefined,
  project: Project,
  exportId: number,
): Promise<ProjectExport> {
  mustEdit(viewer, project)
  const found = await db.read((reader) => findExport(reader, exportId))
  if (found?.projectId !== project.id) throw new NotFoundError('export', exportId)
  return found
}

/** How many rows an export of each kind would have now. */
export async function countExportRows(db: RequestDb, project: Project): Promise<Record<ExportTable, number>> {
  const counts = await db.read((reader) => countRows(reader, project.id))
  return { ...counts, combined: counts.task_run, wide: counts.task }
}

export interface ExportFile {
  name: string
  bytes: number
  content: Readable
}

/**
 * A finished export's file, for the project's owners.
 *
 * @throws NotFoundError when it does not belong to the project, has not ended or is gone.
 */
export async function openExport(
  app: Pick<App, 'files'>,
  db: RequestDb,
  viewer: ProjectViewer | undefined,
  project: Project,
  exportId: number,
): Promise<ExportFile> {
  const { fileKey, fileName, expires } = await getProjectExport(db, viewer, project, exportId)
  const isThere =
    fileKey !== null && fileName !== null && expires !== null && Date.parse(expires) > Date.now()
  const bytes = isThere ? await app.files.size(fileKey) : undefined
  if (!isThere || bytes === undefined) throw new NotFoundError('export', exportId)
  return { name: fileName, bytes, content: app.files.read(fileKey) }
}

export function projectUrl(app: Pick<App, 'config'>, shortName: string): string {
  return `${app.config.site.url}/project/${encodeURIComponent(shortName)}/`
}

/** The address of a project's export page, for mails. */
export function exportPageUrl(app: Pick<App, 'config'>, shortName: string): string {
  return `${projectUrl(app, shortName)}tasks/export`
}

/** Says to who asked why an export did not come about: on its page and by mail. */
export async function failExport(
  app: Pick<App, 'queue' | 'config'>,
  tx: Tx,
  exportId: number,
  error: unknown,
): Promise<void> {
  const reason = readableReason(error)
  await markExportFailed(tx, exportId, reason)
  const request = await findRequest(tx, exportId)
  if (!request) return
  await queueMail(app, tx, {
    to: request.email,
    subject: `Your export of ${request.projectName} failed`,
    template: 'export-failed',
    view: { projectName: request.projectName, reason, url: exportPageUrl(app, request.shortName) },
  })
}

/**
 * Lets a failed export wait for its turn again; it keeps its first extent.
 *
 * @throws AppError conflict when the same person has asked for the same one since.
 */
export async function reopenExport(tx: Tx, exportId: number): Promise<void> {
  const failed = await findExport(tx, exportId)
  if (failed?.state !== 'failed') return
  if (await lockUnfinished(tx, failed)) throw new AppError('conflict', ASKED_AGAIN)
  await markWaiting(tx, exportId)
}

const ASKED_AGAIN = 'Its owner has asked for this export again, and that one is being made. Dismiss this one.'

function readableReason(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  for (const one of [error, cause]) {
    if (one instanceof AppError) return one.message
    if ((one as NodeJS.ErrnoException | undefined)?.code === 'ENOSPC')
      return 'There is no room left for its file on our side.'
  }
  return 'It could not be written. We have noted what went wrong; trying again may help.'
}

/** Files that are removed in one round; and days after which an export without a file is forgotten. */
const EXPIRED_BATCH = 500
const FORGET_DAYS = 90

/** Removes the files of exports whose time is over; how many. Safe to repeat: a file that is gone is no error. */
export async function removeExpiredExports(
  app: Pick<App, 'files'>,
  openDb: () => RequestDb,
): Promise<number> {
  await openDb().call((primary) => deleteOldExports(primary, FORGET_DAYS), { silent: true })
  for (let total = 0; ;) {
    const expired = await openDb().readPrimary((primary) => listExpired(primary, EXPIRED_BATCH))
    for (const { id, fileKey } of expired) {
      await app.files.remove(fileKey)
      await openDb().call((primary) => forgetFile(primary, id), { silent: true })
    }
    total += expired.length
    if (expired.length < EXPIRED_BATCH) return total
  }
}

/** Days that a delta may reach back, and versions that are forgotten in one statement. */
const VERSION_DAYS = 30
const VERSION_BATCH = 5_000

/** Forgets what rows were before they were changed, once no export asks for it any more; how many versions. */
export async function forgetOldVersions(openDb: () => RequestDb): Promise<number> {
  for (let total = 0; ;) {
    const deleted = await openDb().call(
      (primary) => deleteOldVersions(primary, VERSION_DAYS, VERSION_BATCH),
      {
        silent: true,
      },
    )
    total += deleted
    if (deleted < VERSION_BATCH) return total
  }
}
