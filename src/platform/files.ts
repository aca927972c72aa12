import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'

export interface StoredFile {
  bytes: number
  /** SHA-256 in hexadecimal. */
  sha256: string
}

/** Bytes from one to another, both included; to the end where there is no `end`. */
export interface ByteRange {
  readonly start: number
  readonly end?: number
}

/**
 * Where uploads and exports live. A key is a path of plain segments, such as exports/12/file.zip. Everything throws a
 * FileStoreError when the store itself is in trouble.
 */
export interface FileStore {
  /** Stores a stream under a key; nothing is visible there before all of it is kept, and nothing stays of one that fails. */
  put(key: string, content: Readable): Promise<StoredFile>
  /** A file that is not there is an error of the stream. */
  read(key: string, range?: ByteRange): Readable
  /** Bytes, or undefined when there is no such file. */
  size(key: string): Promise<number | undefined>
  remove(key: string): Promise<void>
  /** Removes what was being put when a process was killed, and is older than this; how many. */
  removeUnfinished(olderThanMs: number): Promise<number>
  /** Removes the files whose keys begin so, and that were last written so long ago; how many. */
  removeOlder(prefix: `${string}/`, olderThanMs: number): Promise<number>
}

/** The store cannot be reached, has no room left, has no such file, or refuses what was asked. */
export type StoreTrouble = 'away' | 'full' | 'missing' | 'refused'

/** What keeps a store from doing what was asked; the message is for those who run it. */
export class FileStoreError extends Error {
  readonly trouble: StoreTrouble

  constructor(trouble: StoreTrouble, message: string, options: ErrorOptions) {
    super(message, options)
    this.name = 'FileStoreError'
    this.trouble = trouble
  }
}

/** Counts and hashes a stream while it passes through. */
export function createMeasure() {
  const hash = createHash('sha256')
  let bytes = 0
  return {
    async *through<Chunk extends Uint8Array>(content: AsyncIterable<Chunk>): AsyncGenerator<Chunk> {
      for await (const chunk of content) {
        hash.update(chunk)
        bytes += chunk.length
        yield chunk
      }
    },
    /** What has passed; once, at the end. */
    result: (): StoredFile => ({ bytes, sha256: hash.digest('hex') }),
  }
}
