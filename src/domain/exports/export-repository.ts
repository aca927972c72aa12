import { sql } from 'kysely'
import type { FieldFormat } from '../../lib/templates/template.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { ExportTable } from './column-repository.ts'

export type ExportFormat = 'csv' | 'json' | 'ndjson' | FieldFormat
/** Who wants it: a person, a subscription, or PyBossa's address, where it is kept ready. */
export type ExportOrigin = 'asked' | 'subscription' | 'ready'
export type ExportState = 'waiting' | 'running' | 'done' | 'failed'

export interface ProjectExport {
  id: number
  projectId: number
  userId: number
  what: ExportTable
  format: ExportFormat
  origin: ExportOrigin
  subscriptionId: number | null
  /** Only what an earlier one did not show. */
  isDelta: boolean
  state: ExportState
  /** Rows altogether, known as soon as the work begins. */
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
  /** When the run that is at work began: an export that was broken off begins anew. */
  runStarted: string | null
  finished: string | null
  expires: string | null
  /** When it was brought into its project's bucket. */
  delivered: string | null
  /** Why it could not be, for a person to read. */
  deliveryError: string | null
}

/** What exports and subscriptions to them have alike. */
export const KIND_COLUMNS = [
  'id',
  'project_id as projectId',
  'user_id as userId',
  sql<ExportTable>`what`.as('what'),
  sql<ExportFormat>`format`.as('format'),
] as const

const COLUMNS = [
  ...KIND_COLUMNS,
  sql<ExportOrigin>`origin`.as('origin'),
  'subscription_id as subscriptionId',
  sql<boolean>`since is not null`.as('isDelta'),
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
  'run_started as runStarted',
  'finished',
  'expires',
  'delivered',
  'delivery_error as deliveryError',
] as const

const UNFINISHED = ['waiting', 'running'] as const

export interface WantedExport {
  projectId: number
  userId: number
  what: ExportTable
  format: ExportFormat
  origin: ExportOrigin
  subscriptionId?: number
  /** A delta: the cut that it begins at. */
  since?: string | null
}

/** The tables that are kept ready. */
export type ReadyTable = 'task' | 'task_run' | 'result'
export type WantedReady = Pick<WantedExport, 'projectId' | 'format'> & { readonly what: ReadyTable }

/** Adds an export unless the same person waits for the same one. */
export async function insertExport(tx: Tx, wanted: WantedExport): Promise<ProjectExport | undefined> {
  return tx
    .insertInto('project_export')
    .values({
      project_id: wanted.projectId,
      user_id: wanted.userId,
      what: wanted.what,
      format: wanted.format,
      origin: wanted.origin,
      subscription_id: wanted.subscriptionId ?? null,
      since: wanted.since ?? null,
    })
    .onConflict((conflict) =>
      conflict
        .expression(sql`project_id, user_id, what, format, origin, coalesce(subscription_id, 0)`)
        .where('state', 'in', UNFINISHED)
        .doNothing(),
    )
    .returning(COLUMNS)
    .executeTakeFirst()
}

/** The same person's export of the same kind that has not ended; it neither begins nor ends before the transaction does. */
export async function lockUnfinished(
  tx: Tx,
  same: Omit<WantedExport, 'subscriptionId'> & { subscriptionId?: number | null },
): Promise<ProjectExport | undefined> {
  return tx
    .selectFrom('project_export')
    .select(COLUMNS)
    .where('project_id', '=', same.projectId)
    .where('user_id', '=', same.userId)
    .where('what', '=', same.what)
    .where('format', '=', same.format)
    .where('origin', '=', same.origin)
    .where(sql`coalesce(subscription_id, 0)`, '=', same.subscriptionId ?? 0)
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
    .where('origin', '!=', 'ready')
    .orderBy('id', 'desc')
    .limit(50)
    .execute()
}

interface ExportRequest {
  userId: number
  email: string
  projectId: number
  projectName: string
  shortName: string
  origin: ExportOrigin
}

/** Who asked for an export, and of what: for the mail about its end. Undefined when the project is gone. */
export async function findRequest(db: Db, id: number): Promise<ExportRequest | undefined> {
  return db
    .selectFrom('project_export as e')
    .innerJoin('user_account as u', 'u.id', 'e.user_id')
    .innerJoin('project as p', 'p.id', 'e.project_id')
    .select(['u.id as userId', 'u.email', 'p.id as projectId', 'p.name as projectName'])
    .select('p.short_name as shortName')
    .select(sql<ExportOrigin>`e.origin`.as('origin'))
    .where('e.id', '=', id)
    .executeTakeFirst()
}

/** The cut of an export that is at work. */
export interface BegunExport {
  cut: string
  since: string | null
  /** When the cut was taken. */
  started: string
}

/**
 * Notes that the work has begun; the first time this takes its cut: what this transaction sees, and no more. A delta
 * becomes whole when the cut that it begins at was not taken within so many days: it would lack what has been forgotten.
 *
 * @returns undefined when the export has ended or is gone.
 */
export async function markRunning(tx: Tx, id: number, deltaDays: number): Promise<BegunExport | undefined> {
  const beginsLately = sql`exists (
    select from project_export b
     where b.subscription_id = project_export.subscription_id and b.cut::text = project_export.since::text
       and b.started > now() - make_interval(days => ${deltaDays}))`
  return tx
    .updateTable('project_export')
    .set({
      state: 'running',
      since: sql`case when cut is not null or ${beginsLately} then since end`,
      cut: sql`coalesce(cut, pg_current_snapshot())`,
      started: sql`coalesce(started, now())`,
      run_started: sql`now()`,
      n_rows_done: 0,
    })
    .where('id', '=', id)
    .where('state', 'in', UNFINISHED)
    .returning([sql<string>`cut`.as('cut'), 'since', sql<string>`started`.as('started')])
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

/** An export that is kept ready, and whether rows that it shows have been changed since. */
export interface ReadyFound {
  readonly found: ProjectExport
  readonly isDated: boolean
}

/** Rows that were changed since, of which is known whether they are gone: more are not looked at while somebody waits. */
const CHANGES_MAX = 100_000

/** Whether a row that was changed is not to be shown any more. A result goes when its task is opened again. */
const GONE: Readonly<Record<ReadyTable, string>> = {
  task: 'not exists (select from task t where t.id = v.row_id)',
  // What its contributor took back at once was never meant; that is no reason to keep the file from others.
  task_run: `not exists (
    select from task_run r join project p on p.id = r.project_id
     where r.id = v.row_id
       and (r.withdrawn is null or (r.withdrawn_by = 'contributor'
            and r.withdrawn <= r.finish_time + make_interval(secs => p.undo_seconds))))`,
  result: `not exists (select from task t where t.id = (v.record ->> 'task_id')::bigint)`,
}

/**
 * The newest export of a kind that is kept ready, with when its cut was taken; none when a row that it shows has been
 * deleted or withdrawn since.
 */
export async function findReady(
  db: Db,
  { projectId, what, format }: WantedReady,
): Promise<ReadyFound | undefined> {
  const found = await db
    .selectFrom('project_export')
    .select(COLUMNS)
    .select(sql<string>`cut`.as('cut'))
    .where('project_id', '=', projectId)
    .where('what', '=', what)
    .where('format', '=', format)
    .where('origin', '=', 'ready')
    .where('state', '=', 'done')
    .where('file_key', 'is not', null)
    .where('expires', '>', sql<string>`now()`)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (!found) return undefined
  const { cut, ...ready } = found
  const { rows } = await sql<{ nChanged: number; isGone: boolean }>`
    with changed as materialized (
      select row_id, record from row_version
       where project_id = ${projectId} and noun = ${what} and ended_by >= pg_snapshot_xmin(${cut}::pg_snapshot)
         and pg_visible_in_snapshot(xid, ${cut}::pg_snapshot)
         and not pg_visible_in_snapshot(ended_by, ${cut}::pg_snapshot)
       limit ${CHANGES_MAX + 1})
    select (select count(*) from changed) as "nChanged",
           exists (select from changed v where ${sql.raw(GONE[what])}) as "isGone"`.execute(db)
  const { nChanged = 0, isGone = false } = rows[0] ?? {}
  return isGone || nChanged > CHANGES_MAX ? undefined : { found: ready, isDated: nChanged > 0 }
}

/** How often in a row making a ready export has failed within a day, and how long ago it did last; never is 0 times. */
export async function findReadyFailures(
  db: Db,
  { projectId, what, format }: WantedReady,
): Promise<{ count: number; secondsAgo: number }> {
  const { rows } = await sql<{ count: number; secondsAgo: number }>`
    select count(*) as count, coalesce(extract(epoch from clock_timestamp() - max(finished)), 0)::float8 as "secondsAgo"
      from project_export
     where project_id = ${projectId} and what = ${what} and format = ${format} and origin = 'ready'
       and state = 'failed' and finished > now() - interval '1 day'
       and id > coalesce((select max(id) from project_export
                           where project_id = ${projectId} and what = ${what} and format = ${format}
                             and origin = 'ready' and state = 'done'), 0)`.execute(db)
  return rows[0] ?? { count: 0, secondsAgo: 0 }
}

/** Lets the exports that a newer ready one replaces go within a day: somebody may be downloading them. */
export async function retireReady(tx: Tx, newest: ProjectExport): Promise<void> {
  await tx
    .updateTable('project_export')
    .set({ expires: sql`least(expires, now() + interval '1 day')` })
    .where('project_id', '=', newest.projectId)
    .where('what', '=', newest.what)
    .where('format', '=', newest.format)
    .where('origin', '=', 'ready')
    .where('id', '<', newest.id)
    .where('file_key', 'is not', null)
    .execute()
}

/** Projects whose rows are others than when the oldest file that is kept ready of them was made, or that have none. */
export async function listStaleProjects(
  db: Db,
  page: { afterId: number; limit: number },
): Promise<{ id: number; ownerId: number }[]> {
  const { rows } = await sql<{ id: number; ownerId: number }>`
    select p.id, p.owner_id as "ownerId" from project p join project_total t on t.project_id = p.id
     cross join lateral (
       select coalesce(min(newest), '-infinity') as made from (
         select max(e.started) as newest from project_export e
          where e.project_id = p.id and e.origin = 'ready' and e.state = 'done' and e.expires > now()
          group by e.what, e.format) kinds) ready
     where p.id > ${page.afterId}
       and (t.last_activity > made
         or exists (select from row_version v where v.project_id = p.id and v.ended > made))
     order by p.id limit ${page.limit}`.execute(db)
  return rows
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
    // What its cut showed may have been forgotten: it takes a new one.
    .set({ state: 'waiting', error: null, finished: null, cut: null, started: null, n_rows: null })
    .where('id', '=', id)
    .execute()
}

/** Exports that have a file although their time is over or their project is gone. */
export async function listExpired(
  db: Db,
  afterId: number,
  limit: number,
): Promise<{ id: number; fileKey: string }[]> {
  const { rows } = await sql<{ id: number; fileKey: string }>`
    select id, file_key as "fileKey" from project_export e
     where file_key is not null and id > ${afterId}
       and (expires < now() or not exists (select from project p where p.id = e.project_id))
     order by id limit ${limit}`.execute(db)
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
