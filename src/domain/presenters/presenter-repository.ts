import type { Db, Tx } from '../../platform/postgres.ts'
import type { Json } from '../../platform/schema.ts'

/** One version of a project's presenter. Versions are only ever added: a task run names the one it was given with. */
export interface PresenterVersion {
  id: number
  projectId: number
  kind: string
  template: string | null
  settings: Json | null
  code: string | null
  tutorial: string | null
  createdBy: number | null
  created: string
}

export type NewPresenterVersion = Omit<PresenterVersion, 'id' | 'created'>

const COLUMNS = [
  'id',
  'project_id as projectId',
  'kind',
  'template',
  'settings',
  'code',
  'tutorial',
  'created_by as createdBy',
  'created',
] as const

export async function insertPresenterVersion(
  tx: Tx,
  version: NewPresenterVersion,
): Promise<PresenterVersion> {
  return tx
    .insertInto('presenter_version')
    .values({
      project_id: version.projectId,
      kind: version.kind,
      template: version.template,
      settings: version.settings === null ? null : JSON.stringify(version.settings),
      code: version.code,
      tutorial: version.tutorial,
      created_by: version.createdBy,
    })
    .returning(COLUMNS)
    .executeTakeFirstOrThrow()
}

export function findPresenterVersion(db: Db, versionId: number): Promise<PresenterVersion | undefined> {
  return db.selectFrom('presenter_version').select(COLUMNS).where('id', '=', versionId).executeTakeFirst()
}

/** @param versionIds as many as a page of projects has. */
export function listPresenterVersions(db: Db, versionIds: readonly number[]): Promise<PresenterVersion[]> {
  return db.selectFrom('presenter_version').select(COLUMNS).where('id', 'in', versionIds).execute()
}

/** The version that contributors of a project see. */
export function findCurrentVersion(db: Db, projectId: number): Promise<PresenterVersion | undefined> {
  return db
    .selectFrom('presenter_version')
    .innerJoin('project', 'project.presenter_version_id', 'presenter_version.id')
    .select(COLUMNS.map((column) => `presenter_version.${column}` as const))
    .where('project.id', '=', projectId)
    .executeTakeFirst()
}
