import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { mustBeWhatItSays } from '../domain/uploads/content-check.ts'
import { InvalidError } from '../lib/errors.ts'
import { readableBytes } from '../lib/readable-bytes.ts'
import { createMeasure } from '../platform/files.ts'
import { defineImporter, type ImportFinding, type ImportSource } from './importer.ts'
import { inZip, ZipError, type OpenZip, type ZipMember } from './zip-source.ts'

/** What every browser shows. */
const EXTENSIONS = ['png', 'jpg', 'jpeg', 'gif', 'webp', 'avif']
/** The picture of a camera has up to 50 MB. */
const PICTURE_BYTES_MAX = 100 * 1024 * 1024
const NAME_LENGTH_MAX = 500
/** Pictures are packed already: one that shrinks to less in a zip is mostly filling. */
const RATIO_MAX = 20
const HARMLESS_BYTES = 1024 * 1024
/** What systems put beside the files of people. */
const LITTER = /(^|\/)(__MACOSX\/.*|\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)$/i

/** Pictures in a zip, one for each task: the site keeps them. */
export const picturesImporter = defineImporter({
  name: 'pictures',
  label: 'Zip of pictures',
  bringsPictures: true,
  options: z.object({}),
  accepts: (fileName) => fileName !== undefined && /\.zip$/i.test(fileName),
  find: findInZip,
})

async function* findInZip(source: ImportSource): AsyncGenerator<Iterable<ImportFinding>, void, undefined> {
  yield [{ kind: 'column', column: { name: 'filename', becomes: 'data', key: 'filename' } }]
  try {
    yield* inZip(source, findPictures)
  } catch (error) {
    if (!(error instanceof ZipError)) throw error
    const message = `This zip cannot be read. ${error.message}`
    const advice = 'Pack the pictures anew, into a zip without a password.'
    yield [{ kind: 'problem', problem: { message, advice } }, { kind: 'abandoned' }]
  }
}

async function* findPictures(zip: OpenZip): AsyncGenerator<ImportFinding[], void, undefined> {
  const names = new Set<string>()
  const members = zip.members.filter(({ name }) => !LITTER.test(name))
  if (members.length === 0) throw new ZipError('There is no file in it.')
  for (const [index, member] of members.entries()) {
    const row = index + 1
    try {
      if (names.has(member.name)) throw new InvalidError('Another file of this zip has the same name.')
      names.add(member.name)
      yield [await pictureOf(zip, member, row)]
    } catch (error) {
      // Of this one only: what is wrong with the others is told as well.
      if (!(error instanceof InvalidError || error instanceof ZipError)) throw error
      yield [{ kind: 'problem', problem: problemOf(member, row, error) }]
    } finally {
      await rm(unpackedPath(zip), { force: true })
    }
  }
}

/** One is unpacked at a time. */
function unpackedPath({ folder }: OpenZip): string {
  return join(folder, 'picture')
}

async function pictureOf(zip: OpenZip, member: ZipMember, row: number): Promise<ImportFinding> {
  mustBeTakeable(member)
  const { name } = member
  const extension = extname(name).slice(1).toLowerCase()
  const path = unpackedPath(zip)
  const measure = createMeasure()
  await pipeline(measure.through(zip.read(member)), createWriteStream(path, { mode: 0o600 }))
  await mustBeWhatItSays(path, extension)
  const { bytes, sha256 } = measure.result()
  const picture = { path, name, extension, sha256 }
  return {
    kind: 'task',
    row,
    task: { info: {}, picture },
    cells: () => [`${name} (${readableBytes(bytes)})`],
  }
}

/** What can be told before it is unpacked. @throws InvalidError */
function mustBeTakeable({ name, fault, entry }: ZipMember): void {
  if (fault !== undefined) throw new InvalidError('Its name leads out of the zip.')
  if (name.length > NAME_LENGTH_MAX)
    throw new InvalidError(`Its name has more than ${NAME_LENGTH_MAX} characters.`)
  if (!name.isWellFormed() || name.includes('\0')) throw new InvalidError('Its name cannot be stored.')
  if (!EXTENSIONS.includes(extname(name).slice(1).toLowerCase()))
    throw new InvalidError(`This is no picture: the name has to end in .${EXTENSIONS.join(', .')}.`)
  if (entry.isEncrypted()) throw new InvalidError('It is locked with a password.')
  const { compressedSize, uncompressedSize } = entry
  if (uncompressedSize > PICTURE_BYTES_MAX)
    throw new InvalidError(`It is too large: ${readableBytes(PICTURE_BYTES_MAX)} is the most.`)
  if (uncompressedSize > HARMLESS_BYTES && uncompressedSize > compressedSize * RATIO_MAX)
    throw new InvalidError('It is far too large once it is unpacked.')
}

function problemOf({ name }: ZipMember, row: number, { message }: Error) {
  const shown = name.length > NAME_LENGTH_MAX ? `…${basename(name).slice(-100)}` : name
  const words = message.replace(/^This (file|picture) /, 'It ')
  return {
    row,
    message: `“${shown}”: ${words}`,
    advice: 'Leave it out or replace it, and pack the zip anew.',
  }
}
