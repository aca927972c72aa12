import { randomBytes } from 'node:crypto'
import sharp from 'sharp'

const FORMATS = ['png', 'jpeg', 'gif', 'webp'] as const
type Format = (typeof FORMATS)[number]

async function small(format: Format): Promise<[Format, Buffer]> {
  const background = { r: 20, g: 120, b: 130 }
  const picture = sharp({ create: { width: 64, height: 36, channels: 3, background } })
  return [format, await picture.toFormat(format).toBuffer()]
}

const SMALL = new Map(await Promise.all(FORMATS.map(small)))

/** A real picture of 64 by 36 pixels, no two alike; with so many bytes, of which the last ones show nothing. */
export function pictureOf(format: Format, bytes = 1_000): Buffer {
  const picture = SMALL.get(format) ?? Buffer.alloc(0)
  return Buffer.concat([picture, randomBytes(bytes - picture.length)])
}

/** The smallest zip: one that holds nothing. */
export const EMPTY_ZIP = Buffer.concat([Buffer.from('PK\x05\x06'), Buffer.alloc(18)])
