import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Transform } from 'node:stream'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

export interface StoredFile {
  bytes: number
  /** SHA-256 in hexadecimal. */
  sha256: string
}

/** Where uploads and exports live. A key is a path of plain segments, such as exports/12/file.zip. */
export interface FileStore {
  /** Stores a stream under a key; nothing is visible there before all of it is on disk. */
  put(key: string, content: Readable): Promise<StoredFile>
  read(key: string): Readable
  /** Bytes, or undefined when there is no such file. */
  size(key: string): Promise<number | undefined>
  remove(key: string): Promise<void>
  /** Removes what was being put when a process was killed, and is older than this; how many. */
  removeUnfinished(olderThanMs: number): Promise<number>
}

/** How the name of a file that is still being written ends. */
const UNFINISHED = '.part'

/** A file store in a local folder. */
export function createFileStore(folder: string): FileStore {
  function pathOf(key: string): string {
    if (!/^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/.test(key)) throw new Error(`Not a file key: ${key}`)
    return join(folder, key)
  }

  return {
    async put(key, content) {
      const path = pathOf(key)
      const unfinished = `${path}.${randomUUID()}${UNFINISHED}`
      await mkdir(dirname(path), { recursive: true })
      const hash = createHash('sha256')
      let bytes = 0
      const measure = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          hash.update(chunk)
          bytes += chunk.length
          done(null, chunk)
        },
      })
      try {
        await pipeline(content, measure, createWriteStream(unfinished, { mode: 0o600 }))
        await syncToDisk(unfinished)
        await rename(unfinished, path)
      } catch (error) {
        await rm(unfinished, { force: true })
        throw error
      }
      return { bytes, sha256: hash.digest('hex') }
    },

    read: (key) => createReadStream(pathOf(key)),

    async size(key) {
      try {
        return (await stat(pathOf(key))).size
      } catch {
        return undefined
      }
    },

    async remove(key) {
      await rm(pathOf(key), { force: true })
    },

    async removeUnfinished(olderThanMs) {
      const names = await readdir(folder, { recursive: true }).catch(() => [])
      let removed = 0
      for (const path of names
        .filter((name) => name.endsWith(UNFINISHED))
        .map((name) => join(folder, name))) {
        const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }))
        if (Date.now() - mtimeMs < olderThanMs) continue
        await rm(path, { force: true })
        removed += 1
      }
      return removed
    },
  }
}

async function syncToDisk(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
