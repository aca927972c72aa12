import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import { contentHash } from '../../lib/canonical-json.ts'
import { AppError, NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Tx } from '../../platform/postgres.ts'
import { removeListed } from '../../platform/removal.ts'
import type { Json } from '../../platform/schema.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import { mustEdit } from '../projects/project-service.ts'
import type { Project } from '../projects/project-service.ts'
import type { TaskInput } from '../tasks/task-service.ts'
import {
  claimImport,
  countKnown,
  deleteIdle,
  deleteImport,
  findImport,
  forgetFiles,
  insertImport,
  listImports,
  listUnneeded,
  lockDrafts,
  reopenImport,
} from './import-repository.ts'
import type { NewImport, TaskImport } from './import-repository.ts'
import { isRemote } from './row-source.ts'
import type { RemoteSource } from './row-source.ts'

export type { TaskImport } from './import-repository.ts'

/** A file with rows that somebody sends. */
export interface SentFile {
  fileName: string
  content: Readable
  /** Which importer reads it. */
  importer: string
}

/** What is chosen beforehand, where nobody wants to see a preview. */
export interface Confirmed {
  options: Json
}

/**
 * Keeps a file until its owner has seen the preview. Nothing of it is a task yet, unless it is confirmed at once.
 *
 * @returns the import's id.
 */
export async function draftImport(
  app: Pick<App, 'files' | 'queue' | 'config'>,
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  sent: SentFile,
  confirmed?: Confirmed,
): Promise<number> {
  const { id: userId } = mustEdit(viewer, project)
  const fileKey = newRowsKey(project.id)
  const { bytes } = await app.files.put(fileKey, sent.content)
  const { fileName, importer } = sent
  const rows = { source: { kind: 'file' }, importer, fileName, fileKey, bytes } as const
  const state = confirmed ? 'waiting' : 'draft'
  try {
    return await startImport(app, db, { projectId: project.id, userId, ...rows, ...confirmed, state })
  } catch (error) {
    await app.files.remove(fileKey)
    throw error
  }
}

/** Forgets a draft, or an import that failed, with its files. @throws AppError conflict when it is at work or done. */
export async function discardImport(
  app: Pick<App, 'files'>,
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  importId: number,
): Promise<void> {
  await getImport(db, viewer, project, importId)
  const gone = await db.write((tx) => deleteIdle(tx, importId))
  if (!gone) throw new AppError('conflict', 'This import is at work or has ended: it cannot be discarded.')
  for (const key of [gone.fileKey, gone.reportKey]) if (key !== null) await app.files.remove(key)
}

/** Where rows are fetched from, with the sealed secret that this takes. */
export interface FetchedFrom {
  source: RemoteSource
  bucketKeys: string | null
}

const SECRET_PURPOSE = 'bucket-secret'

/** The secret of the keys to a bucket as it is stored. */
export async function sealBucketSecret({ sealer }: Pick<App, 'sealer'>, secret: string): Promise<string> {
  return sealer.seal(SECRET_PURPOSE, secret, Infinity)
}

/** @throws AppError invalid when it is not there any more, or cannot be read. */
export async function openBucketSecret(
  { sealer }: Pick<App, 'sealer'>,
  sealed: string | null,
): Promise<string> {
  const secret = sealed === null ? undefined : await sealer.open(SECRET_PURPOSE, sealed)
  if (typeof secret === 'string') return secret
  throw new AppError('invalid', 'The keys to this bucket were removed. Give its address and keys anew.')
}

/** Has rows fetched from an address, for a preview or, when it is confirmed at once, to be stored; the import's id. */
export async function fetchImport(
  app: Pick<App, 'queue' | 'config'>,
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  { source, bucketKeys }: FetchedFrom,
  confirmed?: Confirmed,
): Promise<number> {
  const { id: userId } = mustEdit(viewer, project)
  const state = confirmed ? 'waiting' : 'fetching'
  const wanted = { projectId: project.id, userId, source, bucketKeys, fileName: source.url, state } as const
  return startImport(app, db, { ...wanted, ...confirmed })
}

/** Drafts of one person, in all projects, and what they may have together, in lists of the largest size. */
const DRAFTS_MAX = 20
const DRAFTS_BYTES_FACTOR = 4

async function startImport(
  app: Pick<App, 'queue' | 'config'>,
  db: RequestDb,
  wanted: NewImport,
): Promise<number> {
  return db.write(async (tx) => {
    if (wanted.state !== 'waiting') {
      const { bytesMax } = app.config.imports
      const { count, bytes } = await lockDrafts(tx, wanted.userId, bytesMax)
      const together = bytes + (wanted.bytes ?? bytesMax)
      if (count >= DRAFTS_MAX || together > DRAFTS_BYTES_FACTOR * bytesMax)
        throw new AppError('too-many', TOO_MANY)
    }
    const id = await insertImport(tx, wanted)
    if (wanted.state !== 'draft') await app.queue.enqueue(tx, 'import-tasks', { importId: id })
    return id
  })
}

const TOO_MANY =
  'Too many lists of yours wait to be looked at. Add or discard some of them first: the page “Add tasks” of each project shows them.'

/** Where rows are kept until they are tasks. */
export function newRowsKey(projectId: number): string {
  return `imports/${projectId}/${randomUUID()}`
}

/** @throws NotFoundError when the project has no such import. */
export async function getImport(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  importId: number,
): Promise<TaskImport> {
  mustEdit(viewer, project)
  const found = await db.read((reader) => findImport(reader, importId))
  if (found?.projectId !== project.id) throw new NotFoundError('import', importId)
  return found
}

/** A project's imports for its owners, newest first. */
export async function listProjectImports(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
): Promise<TaskImport[]> {
  mustEdit(viewer, project)
  return db.read((reader) => listImports(reader, project.id))
}

/** How many tasks an import would add, and how many of its rows the project (or the file itself) has already. */
export async function previewCounts(
  db: RequestDb,
  project: Project,
  tasks: AsyncIterable<TaskInput>,
): Promise<{ added: number; skipped: number }> {
  const fresh = new Set<string>()
  let total = 0
  for await (const { info } of tasks) {
    fresh.add(contentHash(info))
    total += 1
  }
  const known = await db.read((reader) => countKnown(reader, project.id, [...fresh]))
  return { added: fresh.size - known, skipped: total - fresh.size + known }
}

/** Has a draft stored, once: whoever confirms it as the second changes nothing. */
export async function confirmImport(
  app: Pick<App, 'queue'>,
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  { record, options }: { record: Pick<TaskImport, 'id'>; options: Json },
): Promise<void> {
  mustEdit(viewer, project)
  await db.write(async (tx) => {
    if (await claimImport(tx, record.id, options)) {
      await app.queue.enqueue(tx, 'import-tasks', { importId: record.id })
    }
  })
}

/** Lets an import whose job was given up begin anew. @throws AppError conflict when its rows are gone. */
export async function reviveImport(tx: Tx, importId: number): Promise<void> {
  const failed = await findImport(tx, importId)
  if (failed?.state !== 'failed') return
  if (failed.fileKey === null && !isRemote(failed.source)) {
    throw new AppError(
      'conflict',
      'The rows of this import were removed. Its owner has to upload them again.',
    )
  }
  await reopenImport(tx, importId)
}

export interface ImportReport {
  name: string
  bytes: number
  content: Readable
}

/**
 * The list of what is wrong with an import's rows, as a CSV file.
 *
 * @throws NotFoundError when there is none, or none any more.
 */
export async function openReport(
  app: Pick<App, 'files'>,
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  importId: number,
): Promise<ImportReport> {
  const { reportKey } = await getImport(db, viewer, project, importId)
  const bytes = reportKey === null ? undefined : await app.files.size(reportKey)
  if (reportKey === null || bytes === undefined) throw new NotFoundError('report of import', importId)
  return { name: `import-${importId}-problems.csv`, bytes, content: app.files.read(reportKey) }
}

/** The address of an import's page, for mails. */
export function importPageUrl(app: Pick<App, 'config'>, shortName: string, importId: number): string {
  return `${app.config.site.url}/project/${encodeURIComponent(shortName)}/tasks/import/${importId}`
}

/** A file whose row was never written belongs to a process that was killed; no row keeps one for as long, in milliseconds. */
const ORPHANED_MS = 30 * 86_400_000

/**
 * Removes files that no import needs any more, and forgets drafts that nobody came back to; how many imports.
 *
 * @throws Error when some could not be removed, after all others are.
 */
export async function removeUnneededRows(
  app: Pick<App, 'files' | 'log'>,
  openDb: () => RequestDb,
): Promise<number> {
  await app.files.removeOlder('imports/', ORPHANED_MS)
  return removeListed(
    app.log,
    'files of imports',
    (afterId, limit) => openDb().readPrimary((primary) => listUnneeded(primary, afterId, limit)),
    async ({ id, fileKey, reportKey, isDraft }) => {
      for (const key of [fileKey, reportKey]) if (key !== null) await app.files.remove(key)
      await openDb().call((primary) => (isDraft ? deleteImport : forgetFiles)(primary, id), { silent: true })
    },
  )
}
