import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'

/** What contributors read beside the tasks of a project, in Markdown. */
export interface FieldGuide {
  projectId: number
  markdown: string
  updated: string
}

const COLUMNS = ['project_id as projectId', 'markdown', 'updated'] as const

export function findGuide(db: Db, projectId: number): Promise<FieldGuide | undefined> {
  return db.selectFrom('field_guide').select(COLUMNS).where('project_id', '=', projectId).executeTakeFirst()
}

export async function upsertGuide(
  tx: Tx,
  guide: { projectId: number; markdown: string; userId: number },
): Promise<void> {
  const values = { markdown: guide.markdown, updated_by: guide.userId, updated: sql<string>`now()` }
  await tx
    .insertInto('field_guide')
    .values({ project_id: guide.projectId, ...values })
    .onConflict((conflict) => conflict.column('project_id').doUpdateSet(values))
    .execute()
}

export async function deleteGuide(tx: Tx, projectId: number): Promise<void> {
  await tx.deleteFrom('field_guide').where('project_id', '=', projectId).execute()
}
