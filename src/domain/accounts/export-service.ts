import type { Readable } from 'node:stream'
import { NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { JobRun } from '../../platform/job.ts'
import type { Tx } from '../../platform/postgres.ts'
import { queueMail } from '../mails/mail-service.ts'
import { getUserById } from '../users/user-service.ts'
import type { User } from '../users/user-service.ts'
import {
  deleteAccountExport,
  findAccountExport,
  findPersonalData,
  findProjectData,
  insertAccountExport,
  listAccountExports,
  listExpiredFiles,
  listOwnTaskRuns,
  markAccountExportAs,
  markAccountExported,
} from './export-repository.ts'
import type { AccountExport } from './export-repository.ts'
import { removeListed } from '../../platform/removal.ts'

export type { AccountExport } from './export-repository.ts'

/** Days that the file can be downloaded. */
const EXPORT_DAYS = 7

/** Asks for all of one's own data; one that waits for its turn is the same one. */
export async function requestAccountExport(
  app: Pick<App, 'queue'>,
  db: RequestDb,
  { id }: { id: number },
): Promise<void> {
  await db.write(async (tx) => {
    const exportId = await insertAccountExport(tx, id)
    if (exportId !== undefined) await app.queue.enqueue(tx, 'export-account', { exportId })
  })
}

/** One's own exports, newest first. */
export async function listOwnExports(db: RequestDb, { id }: { id: number }): Promise<AccountExport[]> {
  return db.read((reader) => listAccountExports(reader, id))
}

/** A finished export's file, for its person. @throws NotFoundError also when it has expired or is somebody else's. */
export async function openAccountExport(
  app: Pick<App, 'files'>,
  db: RequestDb,
  { id: userId }: { id: number },
  exportId: number,
): Promise<{ bytes: number; content: Readable }> {
  const found = await db.read((reader) => findAccountExport(reader, exportId))
  const isTheirs =
    found?.userId === userId && found.expires !== null && Date.parse(found.expires) > Date.now()
  const key = isTheirs ? found.fileKey : null
  const bytes = key === null ? undefined : await app.files.size(key)
  if (key === null || bytes === undefined) throw new NotFoundError('export', exportId)
  return { bytes, content: app.files.read(key) }
}

/** A part of the export: its name and its text in pieces. */
export interface AccountPart {
  readonly name: string
  readonly content: () => AsyncIterable<string>
}

export interface AccountExportWork {
  readonly parts: readonly AccountPart[]
  /** Where the file is to be kept: not to be guessed, and the same each time. */
  readonly key: string
  readonly created: Date
  /** Notes the file and mails who asked for it, in the transaction that ends the job. */
  finish(bytes: number): Promise<void>
}

/** What there is to write; undefined when the export has ended, or its account is gone. */
export async function beginAccountExport(
  app: Pick<App, 'queue' | 'config' | 'sealer'>,
  run: Pick<JobRun, 'openDb' | 'commit' | 'signal'>,
  exportId: number,
): Promise<AccountExportWork | undefined> {
  const db = run.openDb()
  const found = await db.readPrimary((primary) => findAccountExport(primary, exportId))
  if (found?.state !== 'waiting' || found.expires !== null) return undefined
  const { userId } = found
  const user = await getUserById(db, userId)
  const secret = app.sealer.hash('account-export', String(exportId)).toString('base64url', 0, 16)
  const key = `account-exports/${userId}/${exportId}/${secret}.zip`
  return {
    key,
    created: new Date(found.created),
    parts: [
      {
        name: 'personal_data.json',
        content: () => oneText(db.read((reader) => findPersonalData(reader, userId))),
      },
      {
        name: 'user_projects.json',
        content: () => oneText(db.read((reader) => findProjectData(reader, userId))),
      },
      { name: 'user_contributions.json', content: () => taskRuns(db, run.signal, userId) },
    ],
    async finish(bytes) {
      await run.commit(async (tx) => {
        const isKept = await markAccountExported(tx, exportId, { key, bytes, days: EXPORT_DAYS })
        if (isKept) await mailLink(app, tx, user, exportId)
      })
    },
  }
}

async function* oneText(text: Promise<string>): AsyncGenerator<string> {
  yield await text
}

const CHUNK = 1_000

async function* taskRuns(db: RequestDb, signal: AbortSignal, userId: number): AsyncGenerator<string> {
  let before = '['
  for (let afterId = 0; ;) {
    signal.throwIfAborted()
    const page = { afterId, limit: CHUNK }
    const runs = await db.read((reader) => listOwnTaskRuns(reader, userId, page))
    for (const { id, data } of runs) {
      yield `${before}${data}`
      before = ',\n'
      afterId = id
    }
    if (runs.length < CHUNK) break
  }
  yield before === '[' ? '[]' : ']'
}

async function mailLink(
  app: Pick<App, 'queue' | 'config'>,
  tx: Tx,
  { email, name }: User,
  exportId: number,
): Promise<void> {
  await queueMail(app, tx, {
    to: email,
    subject: 'Your personal data',
    template: 'account-export-ready',
    view: {
      days: EXPORT_DAYS,
      url: `${app.config.site.url}/account/${encodeURIComponent(name)}/export/${exportId}`,
    },
  })
}

/** Notes that an export did not come about; its page says so, and asking again makes another one. */
export async function failAccountExport(tx: Tx, exportId: number): Promise<void> {
  await markAccountExportAs(tx, exportId, 'failed')
}

/** Lets a failed export wait for its turn again. */
export async function reopenAccountExport(tx: Tx, exportId: number): Promise<void> {
  await markAccountExportAs(tx, exportId, 'waiting')
}

/** Removes exports whose time is over, with their files; how many. Safe to repeat: a file that is gone is no error. */
export async function removeExpiredAccountExports(
  app: Pick<App, 'files' | 'log'>,
  openDb: () => RequestDb,
): Promise<number> {
  return removeListed(
    app.log,
    'expired exports of accounts',
    (afterId, limit) => openDb().readPrimary((primary) => listExpiredFiles(primary, afterId, limit)),
    async ({ id, fileKey }) => {
      await app.files.remove(fileKey)
      await openDb().call((primary) => deleteAccountExport(primary, id), { silent: true })
    },
  )
}
