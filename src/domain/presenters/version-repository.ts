import type { Db, Tx } from '../../platform/postgres.ts'

/** A version in the list of its project: all but its text. */
export interface ListedVersion {
  id: number
  kind: string
  template: string | null
  note: string | null
  created: string
  authorName: string | null
}

/** A project's versions, newest first. */
export function listVersionsOf(
  db: Db,
  projectId: number,
  page: { beforeId: number | undefined; limit: number },
): Promise<ListedVersion[]> {
  let query = db
    .selectFrom('presenter_version as v')
    .leftJoin('user_account as u', 'u.id', 'v.created_by')
    .select(['v.id', 'v.kind', 'v.template', 'v.note', 'v.created', 'u.full_name as authorName'])
    .where('v.project_id', '=', projectId)
    .orderBy('v.id', 'desc')
    .limit(page.limit)
  if (page.beforeId !== undefined) query = query.where('v.id', '<', page.beforeId)
  return query.execute()
}

/** The version that contributors see, which nobody changes until the transaction ends. */
export async function lockCurrentVersionId(tx: Tx, projectId: number): Promise<number | null> {
  const row = await tx
    .selectFrom('project')
    .select('presenter_version_id as id')
    .where('id', '=', projectId)
    .forUpdate()
    .executeTakeFirst()
  return row?.id ?? null
}
