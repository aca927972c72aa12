import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { drawnName } from '../../lib/drawn-picture.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import { PermanentError } from '../../platform/job.ts'
import type { JobRun } from '../../platform/job.ts'
import type { Tx } from '../../platform/postgres.ts'
import { withScratch } from '../../platform/scratch.ts'
import { PIXELS_MAX } from './content-check.ts'
import { pixelsOf } from './cropping.ts'
import { SIZES } from './drawn-sizes.ts'
import type { Shape, Size } from './drawn-sizes.ts'
import { findAttached, updateDrawn } from './upload-repository.ts'
import type { AttachedUpload, Crop } from './upload-repository.ts'
import { keyOf, mediaUrlOf } from './upload-service.ts'

/**
 * Draws the pictures that pages show of an upload, cut where most is to be seen, without what the camera noted; an upload
 * that belongs to nothing any more is left alone.
 *
 * @param tell is given the address of the smallest, in the transaction that ends the job.
 * @throws PermanentError for a picture that cannot be drawn.
 */
export async function drawUpload(
  app: Pick<App, 'config' | 'files'>,
  run: Pick<JobRun, 'openDb' | 'commit'>,
  uploadId: number,
  tell: (tx: Tx, upload: AttachedUpload, url: string) => Promise<void>,
): Promise<void> {
  const upload = await run.openDb().readPrimary((primary) => findAttached(primary, uploadId))
  if (!upload) return
  await drawAndNote(app, upload, (note) =>
    run.commit(async (tx) => {
      const isKept = await note(tx)
      const [fileName = ''] = namesOf(upload)
      if (isKept) await tell(tx, upload, mediaUrlOf(app, { ...upload, fileName }))
      return isKept
    }),
  )
}

/** Draws the same of one of many uploads, noted by itself. @throws PermanentError for a picture that cannot be drawn. */
export async function drawOneOfMany(
  app: Pick<App, 'config' | 'files'>,
  openDb: () => RequestDb,
  upload: AttachedUpload,
): Promise<void> {
  await drawAndNote(app, upload, (note) => openDb().write(note))
}

/** @param commit runs `note` in a transaction: whether the upload still belongs to the same thing. */
async function drawAndNote(
  app: Pick<App, 'config' | 'files'>,
  upload: AttachedUpload,
  commit: (note: (tx: Tx) => Promise<boolean>) => Promise<boolean>,
): Promise<void> {
  const names = namesOf(upload)
  if (names.length === 0) return
  await withScratch(app.config, (folder) => drawAll(app, upload, folder))
  const isKept = await commit((tx) => updateDrawn(tx, upload, names))
  const unused = isKept ? upload.drawn.filter((name) => !names.includes(name)) : names
  for (const fileName of unused) await app.files.remove(keyOf({ ...upload, fileName }))
}

/** The shape in which pages show an upload, and the same twice as large; none when they do not. */
function shapesOf({ noun }: AttachedUpload): Shape[] {
  const shape = SIZES[noun]
  return shape ? [shape, { ...shape, width: 2 * shape.width, height: 2 * shape.height }] : []
}

function nameOf(upload: AttachedUpload, size: Size): string {
  return drawnName(upload.fileName, size, partOf(upload.crop))
}

function namesOf(upload: AttachedUpload): string[] {
  return shapesOf(upload).map((shape) => nameOf(upload, shape))
}

/** A part in a name: whoever keeps the picture of another part has another address. */
function partOf(crop: Crop | null): string {
  return crop ? `-${crop.map((share) => Math.round(10_000 * share)).join('_')}` : ''
}

async function drawAll(app: Pick<App, 'files'>, upload: AttachedUpload, folder: string): Promise<void> {
  if ((await app.files.size(keyOf(upload))) === undefined)
    throw new PermanentError('This picture cannot be drawn: its file is gone.')
  const original = join(folder, 'original')
  await pipeline(app.files.read(keyOf(upload)), createWriteStream(original))
  for (const shape of shapesOf(upload)) {
    const drawn = await draw(original, shape, upload.crop)
    await app.files.put(keyOf({ ...upload, fileName: nameOf(upload, shape) }), Readable.from([drawn]))
  }
}

/**
 * The library is loaded where pictures are drawn, which few processes do. It writes no file: of its errors, which are
 * words, one of a full disk would look like one of a broken picture.
 */
async function draw(original: string, shape: Shape, crop: Crop | null): Promise<Buffer> {
  const { default: sharp } = await import('sharp')
  try {
    const upright = sharp(original, { limitInputPixels: PIXELS_MAX }).autoOrient()
    const { autoOrient } = await upright.metadata()
    const { width, height, fit } = shape
    const background = { r: 0, g: 0, b: 0, alpha: 0 }
    return await (crop ? upright.extract(pixelsOf(autoOrient, crop)) : upright)
      .resize(width, height, fit === 'cover' ? { fit, position: 'attention' } : { fit, background })
      .webp({ quality: 80 })
      .toBuffer()
  } catch (error) {
    throw new PermanentError('This picture cannot be drawn: it is broken.', { cause: error })
  }
}
