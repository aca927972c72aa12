import { sql } from 'kysely'
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
  /** What its author says about it. */
  note: string | null
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
  'note',
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
      note: version.note,
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

/** Keys of the first thousand tasks' infos, those that most tasks have first. */
export async function listTaskColumns(db: Db, projectId: number): Promise<string[]> {
  const { rows } = await sql<{ key: string }>`
    select key
      from (select info from task where project_id = ${projectId} order by id limit 1000) first_tasks,
           jsonb_object_keys(case jsonb_typeof(info) when 'object' then info else '{}' end) key
     group by key order by count(*) desc, key limit 200`.execute(db)
  return rows.map(({ key }) => key)
}

/** Whether any task has such a column, or there are no tasks yet. */
export async function fitsTasks(db: Db, projectId: number, column: string): Promise<boolean> {
  const { rows } = await sql<{ fits: boolean }>`
    select exists (select from task where project_id = ${projectId} and info ? ${column})
        or not exists (select from task where project_id = ${projectId}) as fits`.execute(db)
  return rows[0]?.fits === true
}
