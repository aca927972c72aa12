import { createWriteStream, createReadStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { drawnName } from '../../lib/drawn-picture.ts'
import type { App } from '../../platform/app.ts'
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
  const size = upload && SIZES[upload.noun]
  if (!upload || !size) return
  const sizes = [size, { ...size, width: 2 * size.width, height: 2 * size.height }]
  const nameOf = (one: Size) => drawnName(upload.fileName, one, partOf(upload.crop))
  const names = sizes.map(nameOf)
  await withScratch(app.config, (folder) => drawAll(app, upload, { sizes, nameOf, folder }))
  const isKept = await run.commit(async (tx) => {
    const kept = await updateDrawn(tx, upload, names)
    const [fileName = ''] = names
    if (kept) await tell(tx, upload, mediaUrlOf(app, { ...upload, fileName }))
    return kept
  })
  const unused = isKept ? upload.drawn.filter((name) => !names.includes(name)) : names
  for (const fileName of unused) await app.files.remove(keyOf({ ...upload, fileName }))
}

/** A part in a name: whoever keeps the picture of another part has another address. */
function partOf(crop: Crop | null): string {
  return crop ? `-${crop.map((share) => Math.round(10_000 * share)).join('_')}` : ''
}

async function drawAll(
  app: Pick<App, 'files'>,
  upload: AttachedUpload,
  { sizes, nameOf, folder }: { sizes: readonly Shape[]; nameOf: (size: Size) => string; folder: string },
): Promise<void> {
  const original = join(folder, 'original')
  await pipeline(app.files.read(keyOf(upload)), createWriteStream(original))
  for (const size of sizes) {
    const drawn = join(folder, `${size.width}`)
    await draw(original, size, upload.crop, drawn)
    await app.files.put(keyOf({ ...upload, fileName: nameOf(size) }), createReadStream(drawn))
  }
}

/** The library is loaded where pictures are drawn, which few processes do. */
async function draw(original: string, shape: Shape, crop: Crop | null, drawn: string): Promise<void> {
  const { default: sharp } = await import('sharp')
  try {
    const upright = sharp(original, { limitInputPixels: PIXELS_MAX }).autoOrient()
    const { autoOrient } = await upright.metadata()
    const { width, height, fit } = shape
    const background = { r: 0, g: 0, b: 0, alpha: 0 }
    await (crop ? upright.extract(pixelsOf(autoOrient, crop)) : upright)
      .resize(width, height, fit === 'cover' ? { fit, position: 'attention' } : { fit, background })
      .webp({ quality: 80 })
      .toFile(drawn)
  } catch (error) {
    throw new PermanentError('This picture cannot be drawn: it is broken.', { cause: error })
  }
}
