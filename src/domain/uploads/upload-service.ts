import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import anyAscii from 'any-ascii'
import { drawnPicture } from '../../lib/drawn-picture.ts'
import type { DrawnPicture } from '../../lib/drawn-picture.ts'
import { InvalidError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import type { Tx } from '../../platform/postgres.ts'
import { removeListed } from '../../platform/removal.ts'
import type { Json } from '../../platform/schema.ts'
import { mustBeWhatItSays } from './content-check.ts'
import { isDrawn } from './drawn-sizes.ts'
import {
  attach,
  deleteUpload,
  detach,
  disown,
  insertUpload,
  listDrawn,
  listUnused,
} from './upload-repository.ts'
import type { Upload, UploadNoun, UploadOwner } from './upload-repository.ts'

export type { AttachedUpload, Upload } from './upload-repository.ts'

/** A file that somebody sends, on this machine for the moment. */
export interface NewFile {
  readonly path: string
  readonly name: string
}

/** So much of a file's own name is kept. */
const STEM_CHARS_MAX = 60

/**
 * Keeps a file for the object that `work` gives it to. When `work` throws, or gives it to nothing, it is removed again.
 *
 * @param container whose files it is kept with, such as user_5.
 * @param file nothing is kept when it is undefined.
 * @throws InvalidError for a kind of file that this site does not take, or one that is not what its name says.
 */
export async function keepingUpload<T>(
  app: Pick<App, 'config' | 'files' | 'log'>,
  db: RequestDb,
  container: string,
  file: NewFile | undefined,
  work: (upload: Upload | undefined) => Promise<T>,
): Promise<T> {
  if (!file) return work(undefined)
  const extension = takenExtension(app, file.name)
  await mustBeWhatItSays(file.path, extension)
  const content = createReadStream(file.path)
  const upload = await keepUpload(app, db, container, { name: file.name, extension, content })
  try {
    return await work(upload)
  } finally {
    await removeIfUnattached(app, db, upload)
  }
}

/**
 * Keeps a file that belongs to nothing yet: whoever does not give it to something forgets it, as the nightly clean-up
 * does.
 *
 * @param file its content is known to be what its extension says.
 */
export async function keepUpload(
  app: Pick<App, 'files' | 'log'>,
  db: RequestDb,
  container: string,
  { name, extension, content }: { name: string; extension: string; content: Readable },
): Promise<Upload> {
  const fileName = storedName(name, extension)
  // The row comes first: a file that a killed process leaves is known, and cleaned up some day.
  const upload = await db.call((primary) => insertUpload(primary, container, fileName), { silent: true })
  try {
    await app.files.put(keyOf(upload), content)
    return upload
  } catch (error) {
    await removeIfUnattached(app, db, upload)
    throw error
  }
}

/** How a file's name ends, in small letters. @throws InvalidError for a kind that this site does not take. */
function takenExtension({ config }: Pick<App, 'config'>, name: string): string {
  const { extensions } = config.uploads
  const extension = /\.([^./\\]*)$/.exec(name)?.[1]?.toLowerCase() ?? ''
  if (extensions.includes(extension)) return extension
  const message = `A file of this kind is not taken: its name has to end in .${extensions.join(', .')}`
  throw new InvalidError(message, { file: message })
}

/** The name a file is kept under: no other file ever has it, and it says what it was called. */
function storedName(name: string, extension: string): string {
  const [, stem = ''] = /([^/\\]*)\.[^./\\]*$/.exec(name) ?? []
  const readable = anyAscii(stem)
    .replace(/[^A-Za-z0-9-]+/g, '_')
    .slice(0, STEM_CHARS_MAX)
    .replace(/^_+|_+$/g, '')
  const parts = [randomBytes(12).toString('hex'), readable].filter((part) => part !== '')
  return `${parts.join('-')}.${extension}`
}

/** Where a file is in the store. */
export function keyOf({ container, fileName }: Pick<Upload, 'container' | 'fileName'>): string {
  return `uploads/${container}/${fileName}`
}

/** The address of a file. */
export function mediaUrlOf(
  { config }: Pick<App, 'config'>,
  { container, fileName }: Pick<Upload, 'container' | 'fileName'>,
): string {
  return `${config.site.mediaUrl}/uploads/${container}/${fileName}`
}

/** An info with PyBossa's two words for the object's file; one that is no object has no place for them. */
export function infoWithFile(info: Json, { container, fileName }: Upload): Json {
  if (typeof info !== 'object' || Array.isArray(info)) return info
  return { ...info, container, file_name: fileName }
}

/**
 * Gives an upload to an object, in its transaction, and has drawn what pages show of it: the one it had before, for
 * `forgetUpload` after the commit.
 */
export async function attachUpload(
  { queue }: Pick<App, 'queue'>,
  tx: Tx,
  upload: Upload,
  to: UploadOwner,
): Promise<Upload | undefined> {
  const before = await detach(tx, to)
  await attach(tx, upload, to)
  if (isDrawn(to.noun, upload.fileName)) await queue.enqueue(tx, 'draw-picture', { uploadId: upload.id })
  return before
}

/** The smallest picture that was drawn of each of these objects' uploads, by the object's id. */
export async function drawnPictures(
  app: Pick<App, 'config'>,
  db: RequestDb,
  noun: UploadNoun,
  ids: readonly number[],
): Promise<Map<number, DrawnPicture>> {
  const rows = await db.read((reader) => listDrawn(reader, noun, ids))
  return new Map(
    rows.flatMap(({ objectId, container, drawn: [fileName = ''] }) => {
      const picture = drawnPicture(mediaUrlOf(app, { container, fileName }))
      return picture ? [[objectId, picture] as const] : []
    }),
  )
}

/** Takes an object's upload from it, in the transaction that removes it; for `forgetUpload` after the commit. */
export async function detachUpload(tx: Tx, from: UploadOwner): Promise<Upload | undefined> {
  return detach(tx, from)
}

/** Removes the file of an upload that belongs to nothing any more. */
export async function forgetUpload(
  app: Pick<App, 'files' | 'log'>,
  db: RequestDb,
  upload: Upload | undefined,
): Promise<void> {
  if (upload) await removeIfUnattached(app, db, upload)
}

/** What fails here is left to the nightly clean-up: what the request was for is done, or was refused. */
async function removeIfUnattached(
  app: Pick<App, 'files' | 'log'>,
  db: RequestDb,
  upload: Upload,
): Promise<void> {
  try {
    if (await db.call((primary) => disown(primary, upload), { silent: true })) await remove(app, db, upload)
  } catch (error) {
    app.log.warn({ err: error, upload: upload.id }, 'upload not removed')
  }
}

/** The files go before the row that names them. */
async function remove(app: Pick<App, 'files'>, db: RequestDb, upload: Upload): Promise<void> {
  for (const fileName of [...upload.drawn, upload.fileName])
    await app.files.remove(keyOf({ ...upload, fileName }))
  await db.call((primary) => deleteUpload(primary, upload), { silent: true })
}

/**
 * Removes files whose object is gone with its project, and those that no object took; how many.
 *
 * @throws Error when some could not be removed, after all others are.
 */
export async function removeUnusedUploads(
  app: Pick<App, 'files' | 'log'>,
  openDb: () => RequestDb,
): Promise<number> {
  return removeListed(
    app.log,
    'unused uploads',
    (afterId, limit) => openDb().readPrimary((primary) => listUnused(primary, afterId, limit)),
    (upload) => remove(app, openDb(), upload),
  )
}
