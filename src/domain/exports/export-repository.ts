import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'

export type ExportNoun = 'task' | 'task_run' | 'result'
export type ExportFormat = 'csv' | 'json'

export interface ProjectExport {
  id: number
  projectId: number
  userId: number
  what: string
  format: string
  state: string
  nRows: number | null
  nRowsDone: number
  fileKey: string | null
  fileName: string | null
  bytes: number | null
  sha256: string | null
  error: string | null
  created: string
  finished: string | null
  expires: string | null
}

const COLUMNS = [
  'id',
  'project_id as projectId',
  'user_id as userId',
  'what',
  'format',
  'state',
  'n_rows as nRows',
  'n_rows_done as nRowsDone',
  'file_key as fileKey',
  'file_name as fileName',
  'bytes',
  'sha256',
  'error',
  'created',
  'finished',
  'expires',
] as const

/** An export of the same kind by the same person that has not ended. */
export async function findRunningExport(
  db: Db,
  same: { projectId: number; userId: number; what: ExportNoun; format: ExportFormat },
): Promise<ProjectExport | undefined> {
  return db
    .selectFrom('project_export')
    .select(COLUMNS)
    .where('project_id', '=', same.projectId)
    .where('user_id', '=', same.userId)
    .where('what', '=', same.what)
    .where('format', '=', same.format)
    .where('state', 'in', ['waiting', 'running'])
    .orderBy('id', 'desc')
    .executeTakeFirst()
}

export async function insertExport(
  tx: Tx,
  wanted: { projectId: number; userId: number; what: ExportNoun; format: ExportFormat },
): Promise<ProjectExport> {
  return tx
    .insertInto('project_export')
    .values({
      project_id: wanted.projectId,
      user_id: wanted.userId,
      what: wanted.what,
      format: wanted.format,
    })
    .returning(COLUMNS)
    .executeTakeFirstOrThrow()
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

export async function markRunning(db: Db, id: number, nRows: number): Promise<void> {
  await db
    .updateTable('project_export')
    .set({ state: 'running', n_rows: nRows, n_rows_done: 0, started: sql`now()`, error: null })
    .where('id', '=', id)
    .execute()
}

export async function markProgress(db: Db, id: number, nRowsDone: number): Promise<void> {
  await db.updateTable('project_export').set({ n_rows_done: nRowsDone }).where('id', '=', id).execute()
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

export async function markExportFailed(db: Db, id: number, error: string): Promise<void> {
  await db
    .updateTable('project_export')
    .set({ state: 'failed', error: error.slice(0, 500), finished: sql`now()` })
    .where('id', '=', id)
    .execute()
}

/** Exports whose time is over and that still have a file. */
export async function listExpired(db: Db, limit: number): Promise<{ id: number; fileKey: string }[]> {
  const rows = await db
    .selectFrom('project_export')
    .select(['id', 'file_key as fileKey'])
    .where('expires', '<', sql<string>`now()`)
    .where('file_key', 'is not', null)
    .limit(limit)
    .execute()
  return rows.flatMap(({ id, fileKey }) => (fileKey === null ? [] : [{ id, fileKey }]))
}

export async function forgetFile(db: Db, id: number): Promise<void> {
  await db.updateTable('project_export').set({ file_key: null }).where('id', '=', id).execute()
}

/** How many rows of a kind a project has now, and the greatest id: where an export ends. */
export async function measure(
  db: Db,
  projectId: number,
  what: ExportNoun,
): Promise<{ nRows: number; lastId: number }> {
  const { rows } = await sql<{ nRows: number; lastId: number }>`
    select count(*) as "nRows", coalesce(max(id), 0) as "lastId" from ${sql.table(what)}
     where project_id = ${projectId} and ${sql.raw(CONDITIONS[what])}`.execute(db)
  const [row] = rows
  return row ?? { nRows: 0, lastId: 0 }
}

const CONDITIONS: Record<ExportNoun, string> = {
  task: 'true',
  task_run: 'withdrawn is null',
  result: 'last_version',
}

/** PyBossa's attributes, in its order. Times as it writes them: UTC without a zone. */
const SELECTIONS: Record<ExportNoun, string> = {
  task: `select t.id, to_char(t.created, 'YYYY-MM-DD"T"HH24:MI:SS.US') as created, t.project_id, t.state, t.quorum,
                t.calibration, t.priority_0, t.info, t.n_answers, t.fav_user_ids from task t`,
  task_run: `select t.id, to_char(t.created, 'YYYY-MM-DD"T"HH24:MI:SS.US') as created, t.project_id, t.task_id,
                c.user_id, c.made_up_ip as user_ip, to_char(t.finish_time, 'YYYY-MM-DD"T"HH24:MI:SS.US') as finish_time,
                t.timeout, t.calibration, c.external_uid, t.media_url, t.info
               from task_run t join contributor c on c.id = t.contributor_id`,
  result: `select t.id, to_char(t.created, 'YYYY-MM-DD"T"HH24:MI:SS.US') as created, t.project_id, t.task_id,
                t.task_run_ids, t.last_version, t.info from result t`,
}

/** The next rows of an export, in id order. */
export async function listExportRows(
  db: Db,
  projectId: number,
  what: ExportNoun,
  { afterId, lastId, limit }: { afterId: number; lastId: number; limit: number },
): Promise<(Record<string, unknown> & { id: number })[]> {
  const { rows } = await sql<Record<string, unknown> & { id: number }>`
    ${sql.raw(SELECTIONS[what])}
     where t.project_id = ${projectId} and t.id > ${afterId} and t.id <= ${lastId} and ${sql.raw(CONDITIONS[what])}
     order by t.id limit ${limit}`.execute(db)
  return rows
}
