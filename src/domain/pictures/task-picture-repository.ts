import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'

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

/**
 * Gives uploads to a project as pictures of its tasks; false when it has one of them already.
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
    update upload u set noun = 'task_picture', object_id = made.id
      from made join given using (sha256) where u.id = given.id`.execute(tx)
  return numAffectedRows === BigInt(uploads.size)
}
