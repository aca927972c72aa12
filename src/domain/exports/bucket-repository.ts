import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'

/** A bucket that exports of a project are brought into. */
export interface ExportBucket {
  /** Null for Amazon's own. */
  endpoint: string | null
  region: string
  bucket: string
  /** What the names of objects begin with. */
  prefix: string
  keyId: string
  isPathStyle: boolean
}

export interface StoredBucket extends ExportBucket {
  secretSealed: string
}

export async function findBucket(db: Db, projectId: number): Promise<StoredBucket | undefined> {
  return db
    .selectFrom('export_bucket')
    .select([
      'endpoint',
      'region',
      'bucket',
      'prefix',
      'key_id as keyId',
      'is_path_style as isPathStyle',
      'secret_sealed as secretSealed',
    ])
    .where('project_id', '=', projectId)
    .executeTakeFirst()
}

export async function upsertBucket(tx: Tx, projectId: number, bucket: StoredBucket): Promise<void> {
  const columns = {
    endpoint: bucket.endpoint,
    region: bucket.region,
    bucket: bucket.bucket,
    prefix: bucket.prefix,
    key_id: bucket.keyId,
    is_path_style: bucket.isPathStyle,
    secret_sealed: bucket.secretSealed,
  }
  await tx
    .insertInto('export_bucket')
    .values({ project_id: projectId, ...columns })
    .onConflict((conflict) => conflict.column('project_id').doUpdateSet({ ...columns, updated: sql`now()` }))
    .execute()
}

/** Forgets a project's bucket; what it is subscribed to is not brought there any more. */
export async function deleteBucket(tx: Tx, projectId: number): Promise<void> {
  await tx.deleteFrom('export_bucket').where('project_id', '=', projectId).execute()
  await tx
    .updateTable('export_subscription')
    .set({ to_bucket: false })
    .where('project_id', '=', projectId)
    .execute()
}

export async function markDelivered(tx: Tx, exportId: number): Promise<void> {
  await tx
    .updateTable('project_export')
    .set({ delivered: sql`now()`, delivery_error: null })
    .where('id', '=', exportId)
    .execute()
}

/** Notes why an export could not be brought; null before it is tried again. */
export async function markUndelivered(tx: Tx, exportId: number, error: string | null): Promise<void> {
  await tx
    .updateTable('project_export')
    .set({ delivery_error: error === null ? null : error.slice(0, 500) })
    .where('id', '=', exportId)
    .execute()
}
