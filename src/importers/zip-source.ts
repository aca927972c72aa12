import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { getFileNameLowLevel, openPromise, validateFileName } from 'yauzl'
import type { Entry, ZipFile } from 'yauzl'
import { makeScratch } from '../platform/scratch.ts'
import type { ImportSource } from './importer.ts'

/** What a zip may unpack to: a small one cannot fill a memory or a disk. */
const UNPACKED_BYTES_MAX = 4 * 1024 ** 3
const MEMBERS_MAX = 100_000
/** Names and notes of all members are held in memory. */
const NAMES_BYTES_MAX = 32 * 1024 * 1024
/** XML and CSV shrink to a tenth, at most to a fiftieth; what is made to burst shrinks to a thousandth. */
const RATIO_MAX = 250
/** Smaller members cannot do harm, and may be very regular. */
const HARMLESS_BYTES = 8 * 1024 * 1024

/** A zip that is broken or too large once unpacked; the message may be shown. */
export class ZipError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ZipError'
  }
}

/** A file in a zip. */
export interface ZipMember {
  readonly name: string
  /** Why its name cannot be that of a file, such as one that leads out of the zip. */
  readonly fault: string | undefined
  readonly entry: Entry
}

export interface OpenZip {
  /** In their order, without folders. */
  readonly members: readonly ZipMember[]
  /** A folder for what is unpacked; it goes with the zip. */
  readonly folder: string
  /** A member's bytes; more or fewer than the zip gives as their size are a ZipError. */
  read(member: ZipMember): AsyncIterable<Uint8Array>
}

/**
 * Lends the members of a zip, which lies on this machine for as long: a zip is read from its end.
 *
 * @throws ZipError
 */
export async function* inZip<Item>(
  source: ImportSource,
  work: (zip: OpenZip) => AsyncIterable<Item>,
): AsyncGenerator<Item, void, undefined> {
  const { folder, remove } = await makeScratch(source.config)
  let zip: ZipFile | undefined
  try {
    const path = join(folder, 'source.zip')
    await pipeline(Readable.from(source.open()), createWriteStream(path, { mode: 0o600 }))
    // Names are decoded here: one that leads elsewhere is then the fault of its member and not of the whole zip.
    zip = await orZipError(openPromise(path, { autoClose: false, decodeStrings: false }))
    yield* work({ members: await membersOf(zip), folder, read: reader(zip) })
  } finally {
    zip?.close()
    await remove()
  }
}

function reader(zip: ZipFile): OpenZip['read'] {
  return async function* (member) {
    mustNotBurst(member)
    try {
      yield* (await zip.openReadStreamPromise(member.entry)) as AsyncIterable<Uint8Array>
    } catch (error) {
      throw asZipError(error)
    }
  }
}

async function membersOf(zip: ZipFile): Promise<ZipMember[]> {
  if (zip.entryCount > MEMBERS_MAX) throw new ZipError(`It holds ${zip.entryCount} files.`)
  const members: ZipMember[] = []
  let [total, named] = [0, 0]
  try {
    for await (const entry of zip.eachEntry()) {
      total += entry.uncompressedSize
      named += entry.fileNameLength + entry.extraFieldLength + entry.fileCommentLength
      if (named > NAMES_BYTES_MAX) throw new ZipError('The names and notes in it are too long.')
      const name = nameOf(entry)
      if (!name.endsWith('/')) members.push({ name, fault: validateFileName(name) ?? undefined, entry })
    }
  } catch (error) {
    throw asZipError(error)
  }
  if (total > UNPACKED_BYTES_MAX) throw new ZipError('It is too large once it is unpacked.')
  return members
}

function nameOf({ generalPurposeBitFlag, fileNameRaw, extraFields }: Entry): string {
  return getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, false)
}

/** @throws ZipError for a member that is made to fill a disk. */
export function mustNotBurst({ name, entry }: ZipMember): void {
  const { compressedSize, uncompressedSize } = entry
  if (uncompressedSize <= HARMLESS_BYTES || uncompressedSize <= compressedSize * RATIO_MAX) return
  throw new ZipError(`"${name}" is far too large once it is unpacked.`)
}

async function orZipError<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise
  } catch (error) {
    throw asZipError(error)
  }
}

function asZipError(error: unknown): ZipError {
  if (error instanceof ZipError) return error
  return new ZipError('It is no zip archive, or a part of it is missing.', { cause: error })
}
