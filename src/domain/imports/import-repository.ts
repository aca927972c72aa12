import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Json } from '../../platform/schema.ts'
import type { RowSource } from './row-source.ts'

/**
 * `fetching` ends as `draft`, which its owner looks at and confirms: it is `waiting` then, and ends as `done` or
 * `failed`. What needs no look begins with `waiting`.
 */
export type ImportState = 'fetching' | 'draft' | 'waiting' | 'running' | 'done' | 'failed'

export interface TaskImport {
  id: number
  projectId: number
  /** Which importer reads its rows; empty until they are fetched. */
  importer: string
  fileName: string
  /** Where its rows are kept; null before they are fetched and after they are stored. */
  fileKey: string | null
  source: RowSource
  /** The sealed secret of the keys to a bucket. */
  bucketKeys: string | null
  isAutomatic: boolean
  /** What its owner chose at the preview, for the importer. */
  options: Json
  state: ImportState
  /** Of its rows' file. */
  bytes: number | null
  bytesDone: number
  /** Tasks read so far. */
  nRowsDone: number
  nAdded: number | null
  /** Rows that the project had already. */
  nSkipped: number | null
  /** Rows that stood further up in the same list. */
  nRepeated: number | null
  nProblems: number | null
  reportKey: string | null
  /** Why it failed, for a person to read. */
  error: string | null
  created: string
  started: string | null
  finished: string | null
}

const COLUMNS = [
  'id',
  'project_id as projectId',
  'importer',
  'file_name as fileName',
  'file_key as fileKey',
  sql<RowSource>`source`.as('source'),
  'bucket_keys as bucketKeys',
  'is_automatic as isAutomatic',
  sql<Json>`options`.as('options'),
  sql<ImportState>`state`.as('state'),
  'bytes',
  'bytes_done as bytesDone',
  'n_rows_done as nRowsDone',
  'n_added as nAdded',
  'n_skipped as nSkipped',
  sql<number | null>`n_rows - n_added - n_skipped`.as('nRepeated'),
  'n_problems as nProblems',
  'report_key as reportKey',
  'error',
  'created',
  'started',
  'finished',
] as const

const UNFINISHED = ['fetching', 'waiting', 'running'] as const

export interface NewImport {
  projectId: number
  userId: number
  source: RowSource
  state: 'fetching' | 'draft' | 'waiting'
  importer?: string
  fileName: string
  fileKey?: string
  bytes?: number
  options?: Json
  bucketKeys?: string | null
  isAutomatic?: boolean
}

export async function insertImport(tx: Tx, draft: NewImport): Promise<number> {
  const { id } = await tx
    .insertInto('task_import')
    .values({
      project_id: draft.projectId,
      user_id: draft.userId,
      source: JSON.stringify(draft.source),
      state: draft.state,
      importer: draft.importer ?? '',
      file_name: draft.fileName.slice(0, 255),
      file_key: draft.fileKey ?? null,
      bytes: draft.bytes ?? null,
      options: JSON.stringify(draft.options ?? {}),
      bucket_keys: draft.bucketKeys ?? null,
      is_automatic: draft.isAutomatic ?? false,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

export async function findImport(db: Db, id: number): Promise<TaskImport | undefined> {
  return db.selectFrom('task_import').select(COLUMNS).where('id', '=', id).executeTakeFirst()
}

/** A project's imports, newest first. */
export async function listImports(db: Db, projectId: number): Promise<TaskImport[]> {
  return db
    .selectFrom('task_import')
    .select(COLUMNS)
    .where('project_id', '=', projectId)
    .orderBy('id', 'desc')
    .limit(50)
    .execute()
}

/** Who asked for an import, and for what: for the mail about its end. Undefined when the project is gone. */
export async function findImportRequest(
  db: Db,
  id: number,
): Promise<{ email: string; projectName: string; shortName: string } | undefined> {
  return db
    .selectFrom('task_import as i')
    .innerJoin('user_account as u', 'u.id', 'i.user_id')
    .innerJoin('project as p', 'p.id', 'i.project_id')
    .select(['u.email', 'p.name as projectName', 'p.short_name as shortName'])
    .where('i.id', '=', id)
    .executeTakeFirst()
}

/** Takes a draft, or an import that failed, for storing: true for one caller only. */
export async function claimImport(tx: Tx, id: number, options: Json): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('task_import')
    .set({
      state: 'waiting',
      options: JSON.stringify(options),
      error: null,
      n_problems: null,
      finished: null,
    })
    .where('id', '=', id)
    .where('state', 'in', ['draft', 'failed'])
    .where('file_key', 'is not', null)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Lets a failed import begin anew. */
export async function reopenImport(tx: Tx, id: number): Promise<void> {
  await tx
    .updateTable('task_import')
    .set({ state: 'waiting', error: null, n_problems: null, finished: null })
    .where('id', '=', id)
    .where('state', '=', 'failed')
    .execute()
}

/** Notes that the work has begun; undefined when it has ended, waits for its owner, or its project is gone. */
export async function markImportRunning(db: Db, id: number): Promise<TaskImport | undefined> {
  return db
    .updateTable('task_import')
    .set({
      state: sql`case state when 'waiting' then 'running' else state end`,
      started: sql`case state when 'fetching' then started else now() end`,
      bytes_done: 0,
      n_rows_done: 0,
    })
    .where('id', '=', id)
    .where('state', 'in', UNFINISHED)
    .where(sql<boolean>`exists (select from project p where p.id = project_id)`)
    .returning(COLUMNS)
    .executeTakeFirst()
}

/** Keeps what was fetched; an import that was only being fetched waits for its owner now. */
export async function markFetched(
  db: Db,
  id: number,
  rows: { importer: string; fileName: string; fileKey: string; bytes: number },
): Promise<void> {
  await db
    .updateTable('task_import')
    .set({
      importer: rows.importer,
      file_name: rows.fileName.slice(0, 255),
      file_key: rows.fileKey,
      bytes: rows.bytes,
      state: sql`case state when 'fetching' then 'draft' else state end`,
    })
    .where('id', '=', id)
    .where('state', 'in', UNFINISHED)
    .execute()
}

/** Notes how far the work is; nothing when the import has ended meanwhile. */
export async function markImportProgress(
  db: Db,
  id: number,
  { bytesDone, nRowsDone }: { bytesDone: number; nRowsDone: number },
): Promise<void> {
  await db
    .updateTable('task_import')
    .set({ bytes_done: bytesDone, n_rows_done: nRowsDone })
    .where('id', '=', id)
    .where('state', '=', 'running')
    .execute()
}

/** Notes the end in the transaction that stores the tasks; false when another run ended it before. */
export async function markImported(
  tx: Tx,
  id: number,
  { added, known, repeated }: { added: number; known: number; repeated: number },
): Promise<boolean> {
  const rows = added + known + repeated
  const { numUpdatedRows } = await tx
    .updateTable('task_import')
    .set({
      state: 'done',
      n_added: added,
      n_skipped: known,
      n_rows: rows,
      n_rows_done: rows,
      bytes_done: sql`bytes`,
      n_problems: 0,
      finished: sql`now()`,
    })
    .where('id', '=', id)
    .where('state', '=', 'running')
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

export interface ImportFailure {
  error: string
  nProblems?: number
  reportKey?: string
}

/** Undefined when it had ended before. */
export async function markImportFailed(
  tx: Tx,
  id: number,
  failure: ImportFailure,
): Promise<Pick<TaskImport, 'projectId' | 'isAutomatic'> | undefined> {
  return tx
    .updateTable('task_import')
    .set({
      state: 'failed',
      error: failure.error.slice(0, 500),
      n_problems: failure.nProblems ?? null,
      report_key: failure.reportKey ?? null,
      finished: sql`now()`,
    })
    .where('id', '=', id)
    .where('state', 'in', UNFINISHED)
    .returning(['project_id as projectId', 'is_automatic as isAutomatic'])
    .executeTakeFirst()
}

/** The rows' file was removed. */
export async function forgetRows(db: Db, id: number): Promise<void> {
  await db.updateTable('task_import').set({ file_key: null }).where('id', '=', id).execute()
}

/**
 * Imports with files that nobody needs any more: drafts and failures that nobody came back to for a week, whatever is
 * stored, and what belongs to no project.
 */
export async function listUnneeded(
  db: Db,
  afterId: number,
  limit: number,
): Promise<{ id: number; fileKey: string | null; reportKey: string | null; isDraft: boolean }[]> {
  const { rows } = await sql<{
    id: number
    fileKey: string | null
    reportKey: string | null
    isDraft: boolean
  }>`
    select id, file_key as "fileKey", report_key as "reportKey",
           state in ('draft', 'fetching') or p.gone as "isDraft"
      from task_import i,
           lateral (select not exists (select from project where project.id = i.project_id) as gone) p
     where id > ${afterId}
       and case when p.gone then true
                when state in ('draft', 'fetching') then created < now() - interval '7 days'
                when state = 'failed' then finished < now() - interval '7 days'
                                           and (file_key is not null or report_key is not null or bucket_keys is not null)
                else state = 'done' and (file_key is not null or bucket_keys is not null) end
     order by id limit ${limit}`.execute(db)
  return rows
}

/** Removes an import that nobody is at work on and that added nothing; undefined when it is none of these. */
export async function deleteIdle(
  tx: Tx,
  id: number,
): Promise<{ fileKey: string | null; reportKey: string | null } | undefined> {
  return tx
    .deleteFrom('task_import')
    .where('id', '=', id)
    .where('state', 'in', ['draft', 'failed'])
    .returning(['file_key as fileKey', 'report_key as reportKey'])
    .executeTakeFirst()
}

/**
 * A person's drafts; nobody else makes one of theirs before the transaction ends.
 *
 * @param bytesMax counted for a list that is still being fetched.
 */
export async function lockDrafts(
  tx: Tx,
  userId: number,
  bytesMax: number,
): Promise<{ count: number; bytes: number }> {
  await sql`select pg_advisory_xact_lock(hashtextextended('import-draft', ${userId}))`.execute(tx)
  const { rows } = await sql<{ count: number; bytes: number }>`
    select count(*)::int as count, coalesce(sum(coalesce(bytes, ${bytesMax})), 0)::float8 as bytes
      from task_import where user_id = ${userId} and state in ('fetching', 'draft')`.execute(tx)
  return rows[0] ?? { count: 0, bytes: 0 }
}

export async function deleteImport(db: Db, id: number): Promise<void> {
  await db.deleteFrom('task_import').where('id', '=', id).execute()
}

/** Forgets the files of an import that has ended, and its keys. */
export async function forgetFiles(db: Db, id: number): Promise<void> {
  await db
    .updateTable('task_import')
    .set({ file_key: null, report_key: null, bucket_keys: null })
    .where('id', '=', id)
    .execute()
}

/** How many of these contents a project has already. */
export async function countKnown(db: Db, projectId: number, hashes: readonly string[]): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    select count(*)::int as n from unnest(${hashes}::text[]) as given (hash)
     where exists (select from task where project_id = ${projectId} and info_hash = decode(given.hash, 'hex'))`.execute(
    db,
  )
  return rows[0]?.n ?? 0
}

/** How long one statement of an import may take, in milliseconds: it adds some thousand rows to ten indexes. */
const STATEMENT_MS = 50_000

/**
 * Whether this transaction may add to the project's tasks; held until it ends, so that two imports do not add the same.
 * Its statements may take longer than those that somebody waits for.
 */
export async function beginAdding(tx: Tx, projectId: number): Promise<boolean> {
  const { rows } = await sql<{ isOurs: boolean }>`
    select pg_try_advisory_xact_lock(hashtextextended('task-import', ${projectId})) as "isOurs",
           set_config('statement_timeout', ${String(STATEMENT_MS)}, true)`.execute(tx)
  return rows[0]?.isOurs === true
}
