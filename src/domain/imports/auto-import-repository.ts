import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Json } from '../../platform/schema.ts'
import type { RemoteSource } from './row-source.ts'

/** What is fetched for a project every day. */
export interface AutoImport {
  projectId: number
  userId: number
  source: RemoteSource
  /** As of an import: what columns become, and the redundancy. */
  options: Json
  /** The sealed secret of the keys to a bucket. */
  bucketKeys: string | null
  lastImportId: number | null
  /** What went wrong the last time, for a person to read. */
  error: string | null
}

const COLUMNS = [
  'project_id as projectId',
  'user_id as userId',
  sql<RemoteSource>`source`.as('source'),
  sql<Json>`options`.as('options'),
  'bucket_keys as bucketKeys',
  'last_import_id as lastImportId',
  'error',
] as const

export async function findAutoImport(db: Db, projectId: number): Promise<AutoImport | undefined> {
  return db
    .selectFrom('import_schedule')
    .select(COLUMNS)
    .where('project_id', '=', projectId)
    .executeTakeFirst()
}

/** Sets what is fetched every day, in the place of what was. */
export async function putAutoImport(
  tx: Tx,
  wanted: Pick<AutoImport, 'projectId' | 'userId' | 'source' | 'options' | 'bucketKeys'>,
): Promise<AutoImport> {
  const values = {
    user_id: wanted.userId,
    source: JSON.stringify(wanted.source),
    options: JSON.stringify(wanted.options),
    bucket_keys: wanted.bucketKeys,
    error: null,
    is_told: false,
  }
  return tx
    .insertInto('import_schedule')
    .values({ project_id: wanted.projectId, ...values })
    .onConflict((conflict) => conflict.column('project_id').doUpdateSet(values))
    .returning(COLUMNS)
    .executeTakeFirstOrThrow()
}

export async function deleteAutoImport(db: Db, projectId: number): Promise<void> {
  await db.deleteFrom('import_schedule').where('project_id', '=', projectId).execute()
}

/** Those whose last import began before today's: others wait until this transaction ends. */
export async function lockDue(tx: Tx, hours: number, limit: number): Promise<AutoImport[]> {
  return tx
    .selectFrom('import_schedule')
    .select(COLUMNS)
    .where(
      sql<boolean>`not exists (select from task_import i where i.id = last_import_id
                                  and i.created > now() - make_interval(hours => ${hours}))`,
    )
    .orderBy('project_id')
    .limit(limit)
    .forUpdate()
    .execute()
}

export async function noteAutoImport(tx: Tx, projectId: number, importId: number): Promise<void> {
  await tx
    .updateTable('import_schedule')
    .set({ last_import_id: importId })
    .where('project_id', '=', projectId)
    .execute()
}

/** An automatic import went well: the next failure is told again. */
export async function forgetAutoFailure(tx: Tx, projectId: number): Promise<void> {
  await tx
    .updateTable('import_schedule')
    .set({ error: null, is_told: false })
    .where('project_id', '=', projectId)
    .execute()
}

/** Keeps why an automatic import failed: true unless its owner was told since the last one that went well. */
export async function noteAutoFailure(tx: Tx, projectId: number, error: string): Promise<boolean> {
  const { rows } = await sql<{ wasTold: boolean }>`
    update import_schedule s set error = ${error.slice(0, 500)}, is_told = true
      from (select project_id, is_told from import_schedule where project_id = ${projectId} for update) before
     where s.project_id = before.project_id returning before.is_told as "wasTold"`.execute(tx)
  return rows[0]?.wasTold === false
}
