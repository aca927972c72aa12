import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'

/** What an owner writes: the presenter and its tutorial, both HTML. */
export interface DraftText {
  code: string
  tutorial: string
}

/** Whose draft, and of which project. */
export interface DraftKey {
  projectId: number
  userId: number
}

export interface PresenterDraft extends DraftText, DraftKey {
  id: number
  /** The version that it began from; null for the first. */
  baseVersionId: number | null
  /** Moves with every change. */
  revision: number
  updated: string
}

const COLUMNS = [
  'id',
  'project_id as projectId',
  'user_id as userId',
  'code',
  'tutorial',
  'base_version_id as baseVersionId',
  'revision',
  'updated',
] as const

export function findDraft(db: Db, { projectId, userId }: DraftKey): Promise<PresenterDraft | undefined> {
  return db
    .selectFrom('presenter_draft')
    .select(COLUMNS)
    .where('project_id', '=', projectId)
    .where('user_id', '=', userId)
    .executeTakeFirst()
}

export function findDraftById(db: Db, id: number): Promise<PresenterDraft | undefined> {
  return db.selectFrom('presenter_draft').select(COLUMNS).where('id', '=', id).executeTakeFirst()
}

/** The first draft of this person; undefined when there is one already. */
export function insertDraft(
  tx: Tx,
  key: DraftKey,
  { code, tutorial }: DraftText,
  baseVersionId: number | null,
): Promise<PresenterDraft | undefined> {
  return tx
    .insertInto('presenter_draft')
    .values({
      project_id: key.projectId,
      user_id: key.userId,
      code,
      tutorial,
      base_version_id: baseVersionId,
    })
    .onConflict((conflict) => conflict.columns(['project_id', 'user_id']).doNothing())
    .returning(COLUMNS)
    .executeTakeFirst()
}

/** Writes a draft that is still at this revision; undefined when it is not. */
export function updateDraft(
  tx: Tx,
  { projectId, userId }: DraftKey,
  { code, tutorial }: DraftText,
  from: { revision: number; baseVersionId: number | null },
): Promise<PresenterDraft | undefined> {
  return tx
    .updateTable('presenter_draft')
    .set({
      code,
      tutorial,
      base_version_id: from.baseVersionId,
      revision: sql`revision + 1`,
      updated: sql`now()`,
    })
    .where('project_id', '=', projectId)
    .where('user_id', '=', userId)
    .where('revision', '=', from.revision)
    .returning(COLUMNS)
    .executeTakeFirst()
}

export async function deleteDraft(tx: Tx, { projectId, userId }: DraftKey): Promise<void> {
  await tx
    .deleteFrom('presenter_draft')
    .where('project_id', '=', projectId)
    .where('user_id', '=', userId)
    .execute()
}
