import { Readable } from 'node:stream'
import { AppError } from '../../lib/errors.ts'
import { withFirst } from '../../lib/with-first.ts'
import type { App } from '../../platform/app.ts'
import { PostponeError } from '../../platform/job.ts'
import type { JobRun } from '../../platform/job.ts'
import type { Tx } from '../../platform/postgres.ts'
import { UnreachableError } from '../../platform/web-client.ts'
import { queueMail } from '../mails/mail-service.ts'
import { createTaskPictures } from '../pictures/task-pictures.ts'
import type { SentPicture } from '../pictures/task-pictures.ts'
import { getProjectById } from '../projects/project-service.ts'
import type { Project } from '../projects/project-service.ts'
import { addTasks } from '../tasks/task-service.ts'
import type { TaskInput } from '../tasks/task-service.ts'
import { forgetAutoFailure, noteAutoFailure } from './auto-import-repository.ts'
import {
  findImportRequest,
  forgetRows,
  markFetched,
  markImportFailed,
  markImportProgress,
  markImportRunning,
  markImported,
  beginAdding,
} from './import-repository.ts'
import type { ImportFailure, TaskImport } from './import-repository.ts'
import { importPageUrl, newRowsKey } from './import-service.ts'

const PROGRESS_MS = 1_000
/** Seconds before an import asks again whether another one of its project has ended. */
const TURN_SECONDS = 3
/** Who adds fewer tasks watches it happen, as with PyBossa. */
const MAILED_FROM = 200

/** Rows that were made of something else, for an importer to read. */
export interface FetchedRows {
  importer: string
  fileName: string
  content: Readable
}

/** An import that is at work, and how it goes on and ends. */
export interface ImportWork {
  readonly record: TaskImport
  readonly project: Project
  /** The kept rows from their beginning; throws when the worker is to stop. */
  rows(): AsyncIterable<Uint8Array>
  /** Keeps rows that were fetched. */
  keep(rows: FetchedRows): Promise<TaskImport>
  /** Keeps a picture that a task brings along; its address. It stays when `store` ends well. */
  keepPicture(picture: SentPicture): Promise<string>
  /**
   * Adds the tasks, notes it and queues the mail about it, in one transaction: all of them or none.
   *
   * A transaction that waits too long for its tasks is ended, so the first is read before it opens: a workbook is
   * unpacked for that.
   *
   * @param options where tasks bring pictures, each may take seconds: all are read before, a zip's hundred thousand at
   *   most.
   * @throws whatever reading the tasks throws; PostponeError while another import of the project is at work.
   */
  store(tasks: AsyncIterable<TaskInput>, options?: { bringsPictures: boolean }): Promise<void>
  /**
   * Ends the import with what is wrong with its rows.
   *
   * @param failure asked for when all of the report has been read.
   */
  refuse(refusal: { report: Readable; failure: () => ImportFailure }): Promise<void>
  /** Ends the import with what a person can act on. */
  fail(failure: ImportFailure): Promise<void>
}

/**
 * Begins (or begins again) the work on an import.
 *
 * @returns undefined when it has ended already, waits for its owner, or its project is gone.
 */
export async function beginImport(
  app: Pick<App, 'files' | 'queue' | 'config' | 'log'>,
  run: Pick<JobRun, 'openDb' | 'signal'>,
  importId: number,
): Promise<ImportWork | undefined> {
  const record = await run.openDb().call((primary) => markImportRunning(primary, importId), { silent: true })
  if (!record) return undefined
  const project = await getProjectById(run.openDb(), record.projectId)
  const progress = createProgress(run.openDb, importId)
  const pictures = createTaskPictures(app, run.openDb, { projectId: project.id, importId })
  let current = record

  async function* rows(): AsyncGenerator<Uint8Array> {
    if (current.fileKey === null) throw new Error(`Import ${importId} has no rows`)
    for await (const chunk of app.files.read(current.fileKey) as AsyncIterable<Uint8Array>) {
      run.signal.throwIfAborted()
      progress.addBytes(chunk.length)
      yield chunk
    }
  }

  async function fail(failure: ImportFailure): Promise<void> {
    // Who waits for the preview sees it there.
    const isTold = current.state !== 'fetching'
    await run.openDb().write((tx) => failImport(app, tx, importId, { ...failure, isTold }))
  }

  async function mustHaveTurn(tx: Tx): Promise<void> {
    if (await beginAdding(tx, project.id)) return
    throw new PostponeError('Another import of this project is at work', TURN_SECONDS)
  }

  async function add(tasks: AsyncIterable<TaskInput>): Promise<void> {
    await run.openDb().write(
      async (tx) => {
        await mustHaveTurn(tx)
        if (!(await pictures.attach(tx))) {
          throw new PostponeError('Another import has kept some of the same pictures', TURN_SECONDS)
        }
        const counts = await addTasks(tx, project.id, tasks)
        if (!(await markImported(tx, importId, counts))) {
          throw new Error('Another run has ended this import')
        }
        await tellOfSuccess(app, tx, current, counts)
      },
      // The rows are read as they are stored: a second time there would be none.
      { retries: 0 },
    )
  }

  return {
    record,
    project,
    rows,
    fail,
    async keep({ importer, fileName, content }) {
      const fileKey = newRowsKey(project.id)
      const { bytes } = await app.files.put(fileKey, content)
      const kept = { importer, fileName, fileKey, bytes }
      await run.openDb().call((primary) => markFetched(primary, importId, kept), { silent: true })
      current = { ...record, ...kept }
      return current
    },
    keepPicture(picture) {
      run.signal.throwIfAborted()
      return pictures.keep(picture)
    },
    async store(tasks, { bringsPictures } = { bringsPictures: false }) {
      const counted = progress.counted(tasks)
      try {
        // Nothing is read in vain.
        await run.openDb().write(mustHaveTurn)
        if (bringsPictures) await add(Readable.from(await allOf(counted)))
        else await withFirst(counted, add)
      } catch (error) {
        // What was kept is there for the next run, or removed at night; after a fault of the list there is no next run.
        if (error instanceof AppError) await pictures.forget()
        throw error
      }
      if (bringsPictures) await pictures.forget()
      await removeRows(app, run, current)
    },
    async refuse({ report, failure }) {
      const reportKey = `${newRowsKey(project.id)}.csv`
      await app.files.put(reportKey, report)
      await fail({ ...failure(), reportKey })
    },
  }
}

async function allOf<Part>(parts: AsyncIterable<Part>): Promise<Part[]> {
  const all: Part[] = []
  for await (const part of parts) all.push(part)
  return all
}

async function removeRows(
  app: Pick<App, 'files'>,
  run: Pick<JobRun, 'openDb'>,
  { id, fileKey }: TaskImport,
): Promise<void> {
  if (fileKey === null) return
  await app.files.remove(fileKey)
  await run.openDb().call((primary) => forgetRows(primary, id), { silent: true })
}

/**
 * Notes why an import did not come about, and tells who asked for it by mail: of an automatic one only the first time
 * after one that went well.
 */
export async function failImport(
  app: Pick<App, 'queue' | 'config'>,
  tx: Tx,
  importId: number,
  { isTold = true, ...failure }: ImportFailure & { isTold?: boolean },
): Promise<void> {
  const failed = await markImportFailed(tx, importId, failure)
  if (!failed) return
  const isNews = !failed.isAutomatic || (await noteAutoFailure(tx, failed.projectId, failure.error))
  if (isTold && isNews) await mail(app, tx, importId, 'import-failed', { reason: failure.error })
}

/** Why a job was given up, in words for the project's owner. */
export function readableReason(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  for (const one of [error, cause]) {
    if (one instanceof AppError || one instanceof UnreachableError) return one.message
  }
  return 'The tasks could not be added. We have noted what went wrong; trying again may help.'
}

async function tellOfSuccess(
  app: Pick<App, 'queue' | 'config'>,
  tx: Tx,
  record: TaskImport,
  { added, known, repeated }: { added: number; known: number; repeated: number },
): Promise<void> {
  if (record.isAutomatic) await forgetAutoFailure(tx, record.projectId)
  const isTold = record.isAutomatic ? added > 0 : added + known + repeated > MAILED_FROM
  if (isTold) await mail(app, tx, record.id, 'import-done', { added, skipped: known + repeated })
}

async function mail(
  app: Pick<App, 'queue' | 'config'>,
  tx: Tx,
  importId: number,
  template: 'import-done' | 'import-failed',
  view: Record<string, unknown>,
): Promise<void> {
  const request = await findImportRequest(tx, importId)
  if (!request) return
  const { email: to, projectName, shortName } = request
  // PyBossa's subject, which people filter by.
  const subject = `Tasks Import to your project ${projectName}`
  const url = importPageUrl(app, shortName, importId)
  await queueMail(app, tx, { to, subject, template, view: { ...view, projectName, url } })
}

/** Counts bytes and tasks and tells the database how far they are, about once a second and never in the way. */
function createProgress(openDb: JobRun['openDb'], importId: number) {
  const done = { bytesDone: 0, nRowsDone: 0 }
  let told = Date.now()

  function tell(): void {
    if (Date.now() - told < PROGRESS_MS) return
    told = Date.now()
    openDb()
      .call((primary) => markImportProgress(primary, importId, done), { silent: true })
      .catch(() => undefined)
  }

  return {
    addBytes(bytes: number): void {
      done.bytesDone += bytes
      tell()
    },
    async *counted(tasks: AsyncIterable<TaskInput>): AsyncGenerator<TaskInput> {
      for await (const task of tasks) {
        yield task
        done.nRowsDone += 1
        tell()
      }
    },
  }
}
