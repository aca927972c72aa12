import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Json } from '../../platform/schema.ts'

export interface TaskImport {
  id: number
  projectId: number
  importer: string
  fileName: string
  fileKey: string
  state: string
  nAdded: number | null
  /** Rows that the project had already. */
  nSkipped: number | null
  /** Rows that stood further up in the same list. */
  nRepeated: number | null
}

const COLUMNS = [
  'id',
  'project_id as projectId',
  'importer',
  'file_name as fileName',
  'file_key as fileKey',
  'state',
  'n_added as nAdded',
  'n_skipped as nSkipped',
  sql<number | null>`n_rows - n_added - n_skipped`.as('nRepeated'),
] as const

export async function insertImport(
  tx: Tx,
  draft: { projectId: number; userId: number; importer: string; fileName: string; fileKey: string },
): Promise<number> {
  const { id } = await tx
    .insertInto('task_import')
    .values({
      project_id: draft.projectId,
      user_id: draft.userId,
      importer: draft.importer,
      file_name: draft.fileName,
      file_key: draft.fileKey,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

export async function findImport(db: Db, id: number): Promise<TaskImport | undefined> {
  return db.selectFrom('task_import').select(COLUMNS).where('id', '=', id).executeTakeFirst()
}

/** Takes a draft for storing: true for one caller only. */
export async function claimImport(tx: Tx, id: number, options: Json): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('task_import')
    .set({ state: 'done', options: JSON.stringify(options), finished: sql`now()` })
    .where('id', '=', id)
    .where('state', '=', 'draft')
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

export async function noteImported(
  tx: Tx,
  id: number,
  { added, skipped, repeated }: { added: number; skipped: number; repeated: number },
): Promise<void> {
  await tx
    .updateTable('task_import')
    .set({ n_added: added, n_skipped: skipped, n_rows: added + skipped + repeated })
    .where('id', '=', id)
    .execute()
}

/** Drafts that nobody came back to for a week. */
export async function listOldDrafts(db: Db): Promise<{ id: number; fileKey: string }[]> {
  return db
    .selectFrom('task_import')
    .select(['id', 'file_key as fileKey'])
    .where('state', '=', 'draft')
    .where('created', '<', sql<string>`now() - interval '7 days'`)
    .limit(500)
    .execute()
}

export async function deleteImport(db: Db, id: number): Promise<void> {
  await db.deleteFrom('task_import').where('id', '=', id).execute()
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
