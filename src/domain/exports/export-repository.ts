import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'

export type ExportNoun = 'task' | 'task_run' | 'result'
export type ExportFormat = 'csv' | 'json'
export type ExportState = 'waiting' | 'running' | 'done' | 'failed'

export interface ProjectExport {
  id: number
  projectId: number
  userId: number
  what: ExportNoun
  format: ExportFormat
  state: ExportState
  /** Rows altogether: counted when the work begins, exact when it is done. */
  nRows: number | null
  nRowsDone: number
  fileKey: string | null
  fileName: string | null
  bytes: number | null
  sha256: string | null
  /** Why it failed, for a person to read. */
  error: string | null
  created: string
  started: string | null
  finished: string | null
  expires: string | null
}

/** A row as an export has it; which further fields depends on what is exported. */
export interface ExportRecord {
  readonly [field: string]: unknown
  readonly id: number
  /** As JSON text; null where there is none. */
  readonly info: string | null
}

const COLUMNS = [
  'id',
  'project_id as projectId',
  'user_id as userId',
  sql<ExportNoun>`what`.as('what'),
  sql<ExportFormat>`format`.as('format'),
  sql<ExportState>`state`.as('state'),
  'n_rows as nRows',
  'n_rows_done as nRowsDone',
  'file_key as fileKey',
  'file_name as fileName',
  'bytes',
  'sha256',
  'error',
  'created',
  'started',
  'finished',
  'expires',
] as const

const UNFINISHED = ['waiting', 'running'] as const

interface WantedExport {
  projectId: number
  userId: number
  what: ExportNoun
  format: ExportFormat
}

/** Adds an export unless the same person waits for the same one. */
export async function insertExport(tx: Tx, wanted: WantedExport): Promise<ProjectExport | undefined> {
  return tx
    .insertInto('project_export')
    .values({
      project_id: wanted.projectId,
      user_id: wanted.userId,
      what: wanted.what,
      format: wanted.format,
    })
    .onConflict((conflict) =>
      conflict
        .columns(['project_id', 'user_id', 'what', 'format'])
        .where('state', 'in', UNFINISHED)
        .doNothing(),
    )
    .returning(COLUMNS)
    .executeTakeFirst()
}

/** The same person's export of the same kind that has not ended; it neither begins nor ends before the transaction does. */
export async function lockUnfinished(tx: Tx, same: WantedExport): Promise<ProjectExport | undefined> {
  return tx
    .selectFrom('project_export')
    .select(COLUMNS)
    .where('project_id', '=', same.projectId)
    .where('user_id', '=', same.userId)
    .where('what', '=', same.what)
    .where('format', '=', same.format)
    .where('state', 'in', UNFINISHED)
    .forUpdate()
    .executeTakeFirst()
}

export async function findExport(db: Db, id: number): Promise<ProjectExport | undefined> {
  return db.selectFrom('project_export').select(COLUMNS).where('id', '=', id).executeTakeFirst()
}

/** A project's exports, newest first. */
export async function listExports(db: Db, projectId: number): Promise<ProjectExport[]> {
  return db
    .selectFrom('project_export')
    .select(COLUMNS)
    .where('project_id', '=', projectId)
    .orderBy('id', 'desc')
    .limit(50)
    .execute()
}

/** Who asked for an export, and of what: for the mail about its end. Undefined when the project is gone. */
export async function findRequest(
  db: Db,
  id: number,
): Promise<{ email: string; projectName: string; shortName: string } | undefined> {
  return db
    .selectFrom('project_export as e')
    .innerJoin('user_account as u', 'u.id', 'e.user_id')
    .innerJoin('project as p', 'p.id', 'e.project_id')
    .select(['u.email', 'p.name as projectName', 'p.short_name as shortName'])
    .where('e.id', '=', id)
    .executeTakeFirst()
}

const TABLES: Record<ExportNoun, 'task' | 'task_run' | 'result'> = {
  task: 'task',
  task_run: 'task_run',
  result: 'result',
}

/**
 * Notes that the work has begun, the first time also where it ends: at the greatest id that there is now.
 *
 * @returns that id and when the work began first; undefined when the export has ended or is gone.
 */
export async function markRunning(
  tx: Tx,
  { id, projectId, what }: Pick<ProjectExport, 'id' | 'projectId' | 'what'>,
): Promise<{ lastId: number; started: string } | undefined> {
  const greatest = sql<number>`(select coalesce(max(x.id), 0) from ${sql.table(TABLES[what])} x where x.project_id = ${projectId})`
  return tx
    .updateTable('project_export')
    .set({
      state: 'running',
      last_id: sql`coalesce(last_id, ${greatest})`,
      started: sql`coalesce(started, now())`,
      n_rows_done: 0,
    })
    .where('id', '=', id)
    .where('state', 'in', UNFINISHED)
    .returning([sql<number>`last_id`.as('lastId'), sql<string>`started`.as('started')])
    .executeTakeFirst()
}

/** Notes how far the work is; nothing when the export has ended meanwhile. */
export async function markProgress(
  db: Db,
  id: number,
  { nRows, nRowsDone }: { nRows: number; nRowsDone: number },
): Promise<void> {
  await db
    .updateTable('project_export')
    .set({ n_rows: nRows, n_rows_done: nRowsDone })
    .where('id', '=', id)
    .where('state', '=', 'running')
    .execute()
}

export interface ExportedFile {
  key: string
  name: string
  bytes: number
  sha256: string
  nRows: number
}

export async function markExported(tx: Tx, id: number, file: ExportedFile, days: number): Promise<void> {
  await tx
    .updateTable('project_export')
    .set({
      state: 'done',
      file_key: file.key,
      file_name: file.name,
      bytes: file.bytes,
      sha256: file.sha256,
      n_rows: file.nRows,
      n_rows_done: file.nRows,
      finished: sql`now()`,
      expires: sql`now() + make_interval(days => ${days})`,
    })
    .where('id', '=', id)
    .execute()
}

export async function markExportFailed(tx: Tx, id: number, error: string): Promise<void> {
  await tx
    .updateTable('project_export')
    .set({ state: 'failed', error: error.slice(0, 500), finished: sql`now()` })
    .where('id', '=', id)
    .where('state', 'in', UNFINISHED)
    .execute()
}

export async function markWaiting(tx: Tx, id: number): Promise<void> {
  await tx
    .updateTable('project_export')
    .set({ state: 'waiting', error: null, finished: null })
    .where('id', '=', id)
    .execute()
}

/** Exports that have a file although their time is over or their project is gone. */
export async function listExpired(db: Db, limit: number): Promise<{ id: number; fileKey: string }[]> {
  const { rows } = await sql<{ id: number; fileKey: string }>`
    select id, file_key as "fileKey" from project_export e
     where file_key is not null
       and (expires < now() or not exists (select from project p where p.id = e.project_id))
     order by expires limit ${limit}`.execute(db)
  return rows
}

export async function forgetFile(db: Db, id: number): Promise<void> {
  await db.updateTable('project_export').set({ file_key: null }).where('id', '=', id).execute()
}

/** Removes exports without a file that ended that many days ago; how many. */
export async function deleteOldExports(db: Db, days: number): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('project_export')
    .where('file_key', 'is', null)
    .where('finished', '<', sql<string>`now() - make_interval(days => ${days})`)
    .executeTakeFirst()
  return Number(numDeletedRows)
}

/** Which rows of a table are exported. */
const CONDITIONS: Record<ExportNoun, string> = {
  task: 'true',
  task_run: 'x.withdrawn is null',
  result: 'x.last_version',
}

/** How many rows of a kind a project has, up to an id if one is given. */
export async function countRows(
  db: Db,
  projectId: number,
  what: ExportNoun,
  lastId?: number,
): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    select count(*) as n from ${sql.table(TABLES[what])} x
     where x.project_id = ${projectId} and ${sql.raw(CONDITIONS[what])}
       and (${lastId ?? null}::bigint is null or x.id <= ${lastId ?? null})`.execute(db)
  return rows[0]?.n ?? 0
}

const SELECTIONS: Record<ExportNoun, string> = {
  task: `select x.id, x.created, x.project_id as "projectId", x.state, x.quorum, x.calibration,
                x.priority_0 as priority, x.info::text as info, x.n_answers as "nAnswers",
                x.fav_user_ids as "favUserIds"
           from task x`,
  task_run: `select x.id, x.created, x.project_id as "projectId", x.task_id as "taskId", c.user_id as "userId",
                    c.made_up_ip as "userIp", x.finish_time as "finishTime", x.timeout, x.calibration,
                    c.external_uid as "externalUid", x.media_url as "mediaUrl", x.info::text as info,
                    x.presenter_version as "presenterVersion"
               from task_run x join contributor c on c.id = x.contributor_id`,
  result: `select x.id, x.created, x.project_id as "projectId", x.task_id as "taskId",
                  x.task_run_ids as "taskRunIds", x.last_version as "lastVersion", x.info::text as info
             from result x`,
}

/** The next rows of an export, in id order. */
export async function listExportRows(
  db: Db,
  { projectId, what }: { projectId: number; what: ExportNoun },
  { afterId, lastId, limit }: { afterId: number; lastId: number; limit: number },
): Promise<ExportRecord[]> {
  const { rows } = await sql<ExportRecord>`
    ${sql.raw(SELECTIONS[what])}
     where x.project_id = ${projectId} and x.id > ${afterId} and x.id <= ${lastId} and ${sql.raw(CONDITIONS[what])}
     order by x.id limit ${limit}`.execute(db)
  return rows
}
