import { stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { fileTypeFromFile, supportedExtensions } from 'file-type'
import { InvalidError } from '../../lib/errors.ts'

/** A picture of more pixels than this would take gigabytes to open, however small its file is. */
export const PIXELS_MAX = 100_000_000

/** What is opened and made smaller. Drawings in text (SVG) are not: they may hold scripts. */
const PICTURES = new Set(['png', 'jpg', 'gif', 'webp', 'avif', 'tif'])

/** Other names of one kind of content. */
const ALIASES: Readonly<Record<string, string>> = {
  ...{ jpeg: 'jpg', tiff: 'tif', apng: 'png', mpga: 'mp3' },
  ...{ oga: 'ogg', ogv: 'ogg', ogm: 'ogg', opus: 'ogg', spx: 'ogg' },
  ...{ m4a: 'mp4', m4v: 'mp4', m4b: 'mp4', mov: 'mp4', mkv: 'webm' },
}

/** How many names of content a text may be found to be: what begins with <?xml is one, too. */
const TEXTS = new Set(['xml'])

function kindOf(extension: string): string {
  return ALIASES[extension] ?? extension
}

/** Whether a stored name is that of a picture that smaller ones can be made of. */
export function isPictureName(name: string): boolean {
  return PICTURES.has(kindOf(extname(name).slice(1).toLowerCase()))
}

/**
 * Looks into a file: it has to be what its name says. Which kinds are taken at all is not asked here.
 *
 * @param extension of its name, in small letters.
 * @throws InvalidError for an empty file, one of another kind, a picture that cannot be read or is too large to open.
 */
export async function mustBeWhatItSays(path: string, extension: string): Promise<void> {
  if ((await stat(path)).size === 0) throw refused('This file is empty. Choose another one.')
  const found = (await fileTypeFromFile(path))?.ext
  const said = kindOf(extension)
  const isKnown = [...supportedExtensions].some((known) => kindOf(known) === said) && !TEXTS.has(said)
  const isRight = isKnown
    ? found !== undefined && kindOf(found) === said
    : found === undefined || TEXTS.has(found)
  if (!isRight)
    throw refused(
      `This file is called .${extension}, and holds ${found === undefined ? 'something else' : `a .${found}`}. ` +
        'Choose another one, or give it the name that fits.',
    )
  if (PICTURES.has(said)) await mustBePicture(path)
}

/** @throws InvalidError when it cannot be read, or has too many pixels. Only its beginning is read. */
async function mustBePicture(path: string): Promise<void> {
  const { default: sharp } = await import('sharp')
  const { width, height } = await sharp(path, { limitInputPixels: false })
    .metadata()
    .catch(() => {
      throw refused('This picture cannot be read: it is broken. Save it anew, or choose another one.')
    })
  if (width * height > PIXELS_MAX)
    throw refused(
      `This picture is too large: it has ${width} × ${height} pixels, and ${PIXELS_MAX / 1_000_000} million are the most.`,
    )
}

function refused(message: string): InvalidError {
  return new InvalidError(message, { file: message })
}
