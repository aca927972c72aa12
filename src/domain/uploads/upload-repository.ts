import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'

/** What an upload can belong to. */
export type UploadNoun =
  | 'announcement'
  | 'blogpost'
  | 'helping_material'
  | 'project_page'
  | 'task_run'
  | 'project'
  | 'user_account'
  | 'task_picture'

/** The object that an upload belongs to. */
export interface UploadOwner {
  readonly noun: UploadNoun
  readonly id: number
}

/** A file that came in. */
export interface Upload {
  readonly id: number
  /** Whose files it is kept with. */
  readonly container: string
  readonly fileName: string
  /** The names of what was drawn of it. */
  readonly drawn: readonly string[]
}

/** Left, top, width and height of a part, each as a share of the picture. */
export type Crop = readonly number[]

/** An upload that belongs to something. */
export interface AttachedUpload extends Upload {
  readonly noun: UploadNoun
  readonly objectId: number
  /** Which part of it is shown, where somebody chose one. */
  readonly crop: Crop | null
}

const COLUMNS = ['id', 'container', 'file_name as fileName', 'drawn'] as const

export async function insertUpload(db: Db, container: string, fileName: string): Promise<Upload> {
  return db
    .insertInto('upload')
    .values({ container, file_name: fileName })
    .returning(COLUMNS)
    .executeTakeFirstOrThrow()
}

/** Gives an upload to an object that has none. */
export async function attach(tx: Tx, upload: Upload, { noun, id }: UploadOwner): Promise<void> {
  await tx.updateTable('upload').set({ noun, object_id: id }).where('id', '=', upload.id).execute()
}

/** Takes the upload of an object from it, when it has one. */
export async function detach(tx: Tx, { noun, id }: UploadOwner): Promise<Upload | undefined> {
  return tx
    .updateTable('upload')
    .set({ noun: null, object_id: null })
    .where('noun', '=', noun)
    .where('object_id', '=', id)
    .returning(COLUMNS)
    .executeTakeFirst()
}

/** Whether an upload belongs to nothing; from then on no import takes it for one of its own. */
export async function disown(db: Db, upload: Upload): Promise<boolean> {
  const row = await db
    .updateTable('upload')
    .set({ import_id: null, sha256: null })
    .where('id', '=', upload.id)
    .where('noun', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** An upload with what it belongs to; undefined when that is nothing. */
export async function findAttached(db: Db, id: number): Promise<AttachedUpload | undefined> {
  const { rows } = await sql<AttachedUpload>`
    select id, container, file_name as "fileName", drawn, noun, object_id as "objectId", crop
      from upload where id = ${id} and noun is not null`.execute(db)
  return rows[0]
}

/** The upload of an object, when it has one. */
export async function findUploadOf(db: Db, { noun, id }: UploadOwner): Promise<AttachedUpload | undefined> {
  const { rows } = await sql<AttachedUpload>`
    select id, container, file_name as "fileName", drawn, noun, object_id as "objectId", crop
      from upload where noun = ${noun} and object_id = ${id}`.execute(db)
  return rows[0]
}

/** Notes which part of an upload is to be shown. */
export async function updateCrop(tx: Tx, upload: Upload, crop: Crop): Promise<void> {
  await tx
    .updateTable('upload')
    .set({ crop: [...crop] })
    .where('id', '=', upload.id)
    .execute()
}

/** What was drawn of the uploads of these objects. */
export async function listDrawn(
  db: Db,
  noun: UploadNoun,
  ids: readonly number[],
): Promise<{ objectId: number; container: string; drawn: string[] }[]> {
  const { rows } = await sql<{ objectId: number; container: string; drawn: string[] }>`
    select object_id as "objectId", container, drawn from upload
     where noun = ${noun} and object_id = any(${ids}::bigint[]) and drawn <> '{}'`.execute(db)
  return rows
}

/**
 * Notes what was drawn of an upload; false when it does not belong to the same thing any more, or another part of it is
 * to be shown by now.
 */
export async function updateDrawn(
  tx: Tx,
  upload: AttachedUpload,
  names: readonly string[],
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('upload')
    .set({ drawn: [...names] })
    .where('id', '=', upload.id)
    .where('noun', '=', upload.noun)
    .where('object_id', '=', upload.objectId)
    .where(sql<boolean>`crop is not distinct from ${upload.crop}::double precision[]`)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

export async function deleteUpload(db: Db, upload: Upload): Promise<void> {
  await db.deleteFrom('upload').where('id', '=', upload.id).execute()
}

/** Uploads after an id whose object is gone, or that nothing took within a day. */
export async function listUnused(db: Db, afterId: number, limit: number): Promise<Upload[]> {
  const { rows } = await sql<Upload>`
    select id, container, file_name as "fileName", drawn from upload u
     where id > ${afterId}
       and case noun when 'announcement' then not exists (select from announcement o where o.id = u.object_id)
                     when 'blogpost' then not exists (select from blogpost o where o.id = u.object_id)
                     when 'helping_material' then not exists (select from helping_material o where o.id = u.object_id)
                     when 'project_page' then not exists (select from project_page o where o.id = u.object_id)
                     when 'project' then not exists (select from project o where o.id = u.object_id)
                     when 'user_account' then not exists (select from user_account o where o.id = u.object_id)
                     when 'task_picture' then not exists (select from task_picture o where o.id = u.object_id)
                     when 'task_run' then not exists (select from task_run o where o.id = u.object_id)
                     else created < now() - interval '1 day' end
     order by id limit ${limit}`.execute(db)
  return rows
}
