import { NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import { areaOf, cropOf, sizeAsSeen } from './cropping.ts'
import type { Area } from './cropping.ts'
import { SIZES } from './drawn-sizes.ts'
import { findUploadOf, updateCrop } from './upload-repository.ts'
import type { UploadOwner } from './upload-repository.ts'
import { keyOf, mediaUrlOf } from './upload-service.ts'

/** A picture as it was sent, and which part of it is shown. */
export interface CutPicture {
  readonly url: string
  readonly area: Area
}

/** What the picture of an object is cut from; undefined when it has none. */
export async function getCutPicture(
  app: Pick<App, 'config'>,
  db: RequestDb,
  of: UploadOwner,
): Promise<CutPicture | undefined> {
  const upload = await db.read((reader) => findUploadOf(reader, of))
  return upload && { url: mediaUrlOf(app, upload), area: areaOf(upload.crop) }
}

/** Has another part of an object's picture shown. @throws NotFoundError when it has none. */
export async function cutPicture(
  app: Pick<App, 'files' | 'queue'>,
  db: RequestDb,
  of: UploadOwner,
  area: Area,
): Promise<void> {
  const shape = SIZES[of.noun]
  const upload = await db.readPrimary((primary) => findUploadOf(primary, of))
  if (!upload || !shape) throw new NotFoundError('picture of', of.id)
  const crop = cropOf(await sizeAsSeen(app.files.read(keyOf(upload))), shape, area)
  await db.write(async (tx) => {
    await updateCrop(tx, upload, crop)
    await app.queue.enqueue(tx, 'draw-picture', { uploadId: upload.id })
  })
}
