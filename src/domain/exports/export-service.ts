import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { AppError, InvalidError, NotFoundError, refusal } from '../../lib/errors.ts'
import { findTemplate } from '../../lib/templates/index.ts'
import { FIELD_FORMATS } from '../../lib/templates/template.ts'
import type { FieldFormat } from '../../lib/templates/template.ts'
import type { App } from '../../platform/app.ts'
import { FileStoreError } from '../../platform/files.ts'
import type { StoreTrouble } from '../../platform/files.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Tx } from '../../platform/postgres.ts'
import { queueMail } from '../mails/mail-service.ts'
import { mayEditProject } from '../projects/project-policy.ts'
import type { MaybeViewer, ProjectViewer } from '../projects/project-policy.ts'
import { mustEdit } from '../projects/project-service.ts'
import type { Project, ProjectWithTotals } from '../projects/project-service.ts'
import {
  deleteOldExports,
  findExport,
  findReady,
  findReadyFailures,
  findRequest,
  forgetFile,
  insertExport,
  listExpired,
  listExports,
  listStaleProjects,
  lockUnfinished,
  markExportFailed,
  markWaiting,
} from './export-repository.ts'
import type {
  ExportFormat,
  ProjectExport,
  ReadyTable,
  WantedExport,
  WantedReady,
} from './export-repository.ts'
import type { ExportTable } from './column-repository.ts'
import { deleteOldVersions } from './cut-repository.ts'
import { listTemplatesUsed } from './description-repository.ts'
import { removeListed } from '../../platform/removal.ts'

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
  kind: ExportKind,
): Promise<ProjectExport> {
  const { id: userId } = mustEdit(viewer, project)
  const { what, format } = await offeredKind(db, project, kind)
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

/** What is exported, and as what. */
export interface ExportKind {
  readonly what: ExportTable
  readonly format: ExportFormat
}

/** The formats that any project can be exported as. */
const TABLE_FORMATS = ['csv', 'json', 'ndjson'] as const
export const EXPORT_FORMATS = [...TABLE_FORMATS, ...FIELD_FORMATS] as const satisfies readonly ExportFormat[]

/** Those besides tables that a project can be exported as: what its templates bring. */
export async function listFieldFormats(
  db: RequestDb,
  { id }: Pick<Project, 'id'>,
): Promise<readonly FieldFormat[]> {
  const used = await db.read((reader) => listTemplatesUsed(reader, id))
  const brought = new Set(used.flatMap((template) => findTemplate(template)?.exportFormats ?? []))
  return FIELD_FORMATS.filter((format) => brought.has(format))
}

/**
 * A kind of export as it is made: formats of a field show tasks with all their task runs, whatever was chosen beside.
 *
 * @throws InvalidError for a format that no template of the project brings.
 */
export async function offeredKind(
  db: RequestDb,
  project: Pick<Project, 'id'>,
  { what, format }: ExportKind,
): Promise<ExportKind> {
  const fieldFormat = FIELD_FORMATS.find((one) => one === format)
  if (!fieldFormat) return { what, format }
  if (!(await listFieldFormats(db, project)).includes(fieldFormat))
    throw new InvalidError('This project has no template whose answers fit this format. Choose another one.')
  return { what: 'wide', format }
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

/** About how many rows an export of each kind would have now, without counting them. */
export function exportRowsOf({ totals }: Pick<ProjectWithTotals, 'totals'>): Record<ExportTable, number> {
  const task = totals.nTasks + totals.nCalibrationTasks
  const taskRun = totals.nTaskRuns + totals.nExtra
  return { task, task_run: taskRun, result: totals.nCompletedTasks, combined: taskRun, wide: task }
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
  return openFile(app, await getProjectExport(db, viewer, project, exportId))
}

async function openFile(
  app: Pick<App, 'files'>,
  { id: exportId, fileKey, fileName, expires }: ProjectExport,
): Promise<ExportFile> {
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

const LINK_PURPOSE = 'export'
const Linked = z.strictObject({ exportId: z.int().positive() })

/** A key that opens an export to whoever has it, for as long as the export is kept. */
export function sealExportKey(
  app: Pick<App, 'sealer'>,
  { id, expires }: Pick<ProjectExport, 'id' | 'expires'>,
): Promise<string> {
  const seconds = expires === null ? 0 : (Date.parse(expires) - Date.now()) / 1_000
  return app.sealer.seal(LINK_PURPOSE, { exportId: id }, seconds)
}

/** A finished export's file, for who has its key. @throws NotFoundError also for a key that is forged or too old. */
export async function openExportByKey(
  app: Pick<App, 'files' | 'sealer'>,
  db: RequestDb,
  exportId: number,
  key: string,
): Promise<ExportFile> {
  const opened = Linked.safeParse(await app.sealer.open(LINK_PURPOSE, key))
  const found = await db.read((reader) => findExport(reader, exportId))
  if (!found || opened.data?.exportId !== exportId) throw new NotFoundError('export', exportId)
  return openFile(app, found)
}

/** Before somebody who asks for an export that nobody made yet is told to come back, in milliseconds. */
const READY_WAIT_MS = 20_000
const READY_LOOK_MS = 200

export interface ReadyExport extends ExportFile {
  /** What it shows is as of then. */
  asOf: string
}

/** Before one that shows what was changed since is made anew because somebody asks for it, in milliseconds. */
const DATED_MS = 3_600_000

/**
 * The export of PyBossa's address: the one that is kept ready, else one that is made now. One that shows what was changed
 * since is handed out as well, and made anew for those who come later.
 *
 * @throws ForbiddenError or UnauthenticatedError when the project's owners keep exports to themselves.
 * @throws AppError unavailable when it takes too long to wait for.
 */
export async function openReadyExport(
  app: Pick<App, 'files' | 'queue' | 'log'>,
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  kind: Pick<WantedReady, 'what' | 'format'>,
): Promise<ReadyExport> {
  if (!project.zipDownload && !mayEditProject(viewer, project))
    throw refusal(viewer, 'Only owners of this project download its exports.')
  const wanted = { ...kind, projectId: project.id, userId: project.ownerId }
  const ready = await db.read((reader) => findReady(reader, wanted))
  const found = ready?.found ?? (await makeReady(app, db, wanted))
  const asOf = found.started ?? found.created
  const file = await openFile(app, found)
  if (ready?.isDated && Date.parse(asOf) < Date.now() - DATED_MS) await renewReady(app, db, wanted)
  return { ...file, asOf }
}

type NewReady = WantedReady & Pick<WantedExport, 'userId'>

/** Has one made anew that is there meanwhile; that this cannot be asked for now is no reason to withhold it. */
async function renewReady(app: Pick<App, 'queue' | 'log'>, db: RequestDb, wanted: NewReady): Promise<void> {
  try {
    await refuseTooSoon(db, wanted)
    await db.write((tx) => enqueueReady(app, tx, wanted))
  } catch (error) {
    app.log.info({ err: error, projectId: wanted.projectId }, 'dated export not made anew')
  }
}

async function makeReady(app: Pick<App, 'queue'>, db: RequestDb, wanted: NewReady): Promise<ProjectExport> {
  await refuseTooSoon(db, wanted)
  await db.write((tx) => enqueueReady(app, tx, wanted))
  for (const end = Date.now() + READY_WAIT_MS; Date.now() < end;) {
    const made = await db.readPrimary((primary) => findReady(primary, wanted))
    if (made) return made.found
    await refuseTooSoon(db, wanted)
    await sleep(READY_LOOK_MS)
  }
  throw new AppError('unavailable', 'This export is being made. Ask for it again in a minute.', {
    retryAfter: 60,
  })
}

/** Before a ready export that failed is made again, in seconds: doubles with each failure in a row. */
const READY_PAUSE_SECONDS = { first: 60, max: 3_600 }

/** @throws AppError unavailable while what failed is not to be tried again: anybody may ask for it, as often as they like. */
async function refuseTooSoon(db: RequestDb, wanted: NewReady): Promise<void> {
  const { count, secondsAgo } = await db.readPrimary((primary) => findReadyFailures(primary, wanted))
  if (count === 0) return
  const { first, max } = READY_PAUSE_SECONDS
  const seconds = Math.ceil(Math.min(first * 2 ** (count - 1), max) - secondsAgo)
  if (seconds <= 0) return
  const minutes = Math.ceil(seconds / 60)
  const when = minutes === 1 ? 'a minute' : `${minutes} minutes`
  throw new AppError('unavailable', `This export could not be made. Ask for it again in ${when}.`, {
    retryAfter: seconds,
  })
}

/** Has one made, now unless told otherwise; one that waits for its turn in the night is made now as well. */
async function enqueueReady(
  app: Pick<App, 'queue'>,
  tx: Tx,
  wanted: NewReady,
  notBefore?: string,
): Promise<void> {
  const kind = { ...wanted, origin: 'ready' as const }
  const made = await insertExport(tx, kind)
  if (made) {
    const options = { once: onceOf(made), ...(notBefore === undefined ? {} : { notBefore }) }
    await app.queue.enqueue(tx, 'export-project', { exportId: made.id }, options)
    return
  }
  if (notBefore !== undefined) return
  const unfinished = await lockUnfinished(tx, kind)
  if (unfinished) await app.queue.hasten(tx, 'export-project', onceOf(unfinished))
}

function onceOf({ id }: Pick<ProjectExport, 'id'>): string {
  return `export ${id}`
}

const READY_TABLES = ['task', 'task_run', 'result'] as const satisfies readonly ReadyTable[]
const READY_FORMATS = ['csv', 'json'] as const
const STALE_BATCH = 200
/** Over which the projects of a night are spread, in minutes. */
const SPREAD_MINUTES = 240

/** Has what is kept ready made anew where people contributed since; how many projects. */
export async function rebuildReadyExports(app: Pick<App, 'queue'>, openDb: () => RequestDb): Promise<number> {
  let [total, afterId] = [0, 0]
  for (;;) {
    const page = { afterId, limit: STALE_BATCH }
    const stale = await openDb().readPrimary((primary) => listStaleProjects(primary, page))
    for (const { id: projectId, ownerId: userId } of stale) {
      const notBefore = new Date(Date.now() + ((projectId * 37) % SPREAD_MINUTES) * 60_000).toISOString()
      await openDb().write(async (tx) => {
        for (const what of READY_TABLES)
          for (const format of READY_FORMATS)
            await enqueueReady(app, tx, { projectId, userId, what, format }, notBefore)
      })
    }
    total += stale.length
    afterId = stale.at(-1)?.id ?? afterId
    if (stale.length < STALE_BATCH) return total
  }
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
  // Nobody waits for what is only kept ready.
  if (!request || request.origin === 'ready') return
  await queueMail(app, tx, {
    to: request.email,
    subject: `Your export of ${request.projectName} failed`,
    template: 'export-failed',
    view: { projectName: request.projectName, reason, url: exportPageUrl(app, request.shortName) },
  })
}

/**
 * Lets a failed export wait for its turn again; it takes a new cut, and what a delta begins at is looked at anew.
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

/** What our own store cannot do, without its name. */
const STORE_REASONS: Partial<Record<StoreTrouble, string>> = {
  full: 'There is no room left for its file on our side.',
  away: 'The place where we keep files cannot be reached at the moment. Ask for it again later.',
}

function readableReason(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  for (const one of [error, cause]) {
    if (one instanceof AppError) return one.message
    const ofStore = one instanceof FileStoreError ? STORE_REASONS[one.trouble] : undefined
    if (ofStore !== undefined) return ofStore
  }
  return 'It could not be written. We have noted what went wrong; trying again may help.'
}

/** Files that are removed in one round; and days after which an export without a file is forgotten. */
const FORGET_DAYS = 90

/** Removes the files of exports whose time is over; how many. Safe to repeat: a file that is gone is no error. */
export async function removeExpiredExports(
  app: Pick<App, 'files' | 'log'>,
  openDb: () => RequestDb,
): Promise<number> {
  await openDb().call((primary) => deleteOldExports(primary, FORGET_DAYS), { silent: true })
  return removeListed(
    app.log,
    'expired exports',
    (afterId, limit) => openDb().readPrimary((primary) => listExpired(primary, afterId, limit)),
    async ({ id, fileKey }) => {
      await app.files.remove(fileKey)
      await openDb().call((primary) => forgetFile(primary, id), { silent: true })
    },
  )
}

/** Days that a delta may reach back. */
export const DELTA_DAYS = 29
/** Days that versions are kept: longer, so that none is forgotten while a delta is made. Those that go in one statement. */
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
