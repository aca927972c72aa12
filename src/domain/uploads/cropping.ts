import type { Readable } from 'node:stream'
import type { Size } from './drawn-sizes.ts'
import type { Crop } from './upload-repository.ts'

/** Which part of a picture somebody wants to be shown; each from 0 to 1. */
export interface Area {
  /** From the left edge to the right one, of what the part leaves over. */
  readonly across: number
  /** From the upper edge to the lower one. */
  readonly down: number
  /** Of the largest part that has the shape. */
  readonly size: number
}

/** The part of a picture that an area means, in the shape in which it is shown. */
export function cropOf(picture: Size, shape: Size, { across, down, size }: Area): Crop {
  const scale = Math.min(picture.width / shape.width, picture.height / shape.height) * size
  const width = Math.min(1, (shape.width * scale) / picture.width)
  const height = Math.min(1, (shape.height * scale) / picture.height)
  return [across * (1 - width), down * (1 - height), width, height]
}

/** The area that was meant by a part; the whole where none was chosen. */
export function areaOf(crop: Crop | null): Area {
  const [left = 0, top = 0, width = 1, height = 1] = crop ?? []
  const share = (offset: number, extent: number) => (extent > 0.999 ? 0.5 : offset / (1 - extent))
  return { across: share(left, width), down: share(top, height), size: Math.max(width, height) }
}

/** A part in pixels, of which there is at least one. */
export function pixelsOf({ width, height }: Size, [left = 0, top = 0, across = 1, down = 1]: Crop) {
  const extent = (share: number, all: number) => Math.max(1, Math.min(all, Math.round(share * all)))
  const part = { width: extent(across, width), height: extent(down, height) }
  const start = (share: number, all: number, taken: number) => Math.min(all - taken, Math.round(share * all))
  return { left: start(left, width, part.width), top: start(top, height, part.height), ...part }
}

/** How large a picture is as it is seen, turned as its camera was. */
export async function sizeAsSeen(content: Readable): Promise<Size> {
  const { default: sharp } = await import('sharp')
  const reader = sharp()
  content.on('error', (error) => reader.destroy(error))
  const { autoOrient } = await content.pipe(reader).metadata()
  return autoOrient
}
