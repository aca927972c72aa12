import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { AttachedUpload, Upload } from '../uploads/upload-service.ts'

/** Where a picture of a project's tasks is kept, if it is. */
export async function findTaskPicture(
  db: Db,
  projectId: number,
  sha256: string,
): Promise<{ container: string; fileName: string } | undefined> {
  return db
    .selectFrom('task_picture as p')
    .innerJoin('upload as u', (join) =>
      join.onRef('u.object_id', '=', 'p.id').on('u.noun', '=', 'task_picture'),
    )
    .select(['u.container', 'u.file_name as fileName'])
    .where('p.project_id', '=', projectId)
    .where('p.sha256', '=', Buffer.from(sha256, 'hex'))
    .executeTakeFirst()
}

/** Notes that an import has kept a picture whole, for a run of it after this one was killed. */
export async function markKept(
  db: Db,
  { id }: Pick<Upload, 'id'>,
  { importId, sha256 }: { importId: number; sha256: string },
): Promise<void> {
  await db
    .updateTable('upload')
    .set({ import_id: importId, sha256: Buffer.from(sha256, 'hex') })
    .where('id', '=', id)
    .execute()
}

/**
 * A picture that an earlier run of an import has kept and given to nothing; not one that is so old that the nightly
 * clean-up may have begun to remove it.
 */
export async function findKeptBefore(
  db: Db,
  { importId, sha256 }: { importId: number; sha256: string },
): Promise<Upload | undefined> {
  return db
    .selectFrom('upload')
    .select(['id', 'container', 'file_name as fileName', 'drawn'])
    .where('import_id', '=', importId)
    .where('sha256', '=', Buffer.from(sha256, 'hex'))
    .where('noun', 'is', null)
    .where('created', '>', sql<string>`now() - interval '20 hours'`)
    .limit(1)
    .executeTakeFirst()
}

/** What an import has kept and given to nothing, in this run or an earlier one. */
export async function listKept(db: Db, importId: number): Promise<Upload[]> {
  return db
    .selectFrom('upload')
    .select(['id', 'container', 'file_name as fileName', 'drawn'])
    .where('import_id', '=', importId)
    .where('noun', 'is', null)
    .execute()
}

/** The newest of the pictures of a project's tasks; 0 when it has none. */
export async function findLastPicture(db: Db, projectId: number): Promise<number> {
  const { id } = await db
    .selectFrom('task_picture')
    .select(sql<number>`coalesce(max(id), 0)`.as('id'))
    .where('project_id', '=', projectId)
    .executeTakeFirstOrThrow()
  return id
}

/**
 * Gives uploads to a project as pictures of its tasks; false when it has one of them already, or one is being
 * removed.
 *
 * @param uploads by the SHA-256 of their bytes.
 */
export async function attachTaskPictures(
  tx: Tx,
  projectId: number,
  uploads: ReadonlyMap<string, { readonly id: number }>,
): Promise<boolean> {
  if (uploads.size === 0) return true
  const ids = [...uploads.values()].map(({ id }) => id)
  const { numAffectedRows } = await sql`
    with given as (
      select decode(hash, 'hex') as sha256, id from unnest(${[...uploads.keys()]}::text[], ${ids}::bigint[]) as g (hash, id)),
    made as (
      insert into task_picture (project_id, sha256) select ${projectId}, sha256 from given
          on conflict do nothing returning id, sha256)
    update upload u set noun = 'task_picture', object_id = made.id, import_id = null, sha256 = null
      from made join given using (sha256) where u.id = given.id and u.sha256 = given.sha256`.execute(tx)
  return numAffectedRows === BigInt(uploads.size)
}

/** Pictures of a project's tasks of which nothing was drawn, after one of them. */
export async function listUndrawn(
  db: Db,
  projectId: number,
  { afterId, limit }: { afterId: number; limit: number },
): Promise<AttachedUpload[]> {
  const { rows } = await sql<AttachedUpload>`
    select u.id, u.container, u.file_name as "fileName", u.drawn, u.noun, u.object_id as "objectId", u.crop
      from task_picture p join upload u on u.noun = 'task_picture' and u.object_id = p.id
     where p.project_id = ${projectId} and p.id > ${afterId} and u.drawn = '{}'
     order by p.id limit ${limit}`.execute(db)
  return rows
}

/** What was drawn of a project's pictures, by the names of their files. */
export async function listTaskDrawn(
  db: Db,
  container: string,
  fileNames: readonly string[],
): Promise<{ fileName: string; drawn: string[] }[]> {
  const { rows } = await sql<{ fileName: string; drawn: string[] }>`
    select file_name as "fileName", drawn from upload
     where noun = 'task_picture' and file_name = any(${fileNames}::text[]) and container = ${container}
       and drawn <> '{}'`.execute(db)
  return rows
}
