import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { messageOf } from '../lib/errors.ts'
import { createMeasure, FileStoreError } from './files.ts'
import type { FileStore } from './files.ts'

/** How the name of a file that is still being written ends. */
const UNFINISHED = '.part'

const NO_ROOM = ['ENOSPC', 'EDQUOT']

/** A file store in a local folder. */
export function createFolderFiles(folder: string): FileStore {
  function pathOf(key: string): string {
    if (!/^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/.test(key)) throw new Error(`Not a file key: ${key}`)
    return join(folder, key)
  }

  return {
    async put(key, content) {
      const path = pathOf(key)
      const unfinished = `${path}.${randomUUID()}${UNFINISHED}`
      const measure = createMeasure()
      try {
        await mkdir(dirname(path), { recursive: true })
        await pipeline(
          content,
          (source: AsyncIterable<Buffer>) => measure.through(source),
          createWriteStream(unfinished, { mode: 0o600 }),
        )
        await syncToDisk(unfinished)
        await rename(unfinished, path)
      } catch (error) {
        await rm(unfinished, { force: true }).catch(() => undefined)
        throw troubleOf(error, folder)
      }
      return measure.result()
    },

    read: (key, range) => createReadStream(pathOf(key), range),

    async size(key) {
      try {
        return (await stat(pathOf(key))).size
      } catch (error) {
        if (isMissing(error)) return undefined
        throw troubleOf(error, folder)
      }
    },

    async remove(key) {
      await rm(pathOf(key), { force: true }).catch((error: unknown) => {
        throw troubleOf(error, folder)
      })
    },

    async removeUnfinished(olderThanMs) {
      const removed = await removeOld(folder, olderThanMs, (name) => name.endsWith(UNFINISHED))
      return removed.length
    },

    async removeOlder(prefix, olderThanMs) {
      const removed = await removeOld(join(folder, prefix), olderThanMs, () => true)
      // A folder that holds nothing any more goes too; one that holds something stays.
      for (const parent of new Set(removed.map((path) => dirname(path))))
        await rmdir(parent).catch(() => undefined)
      return removed.length
    },
  }
}

/** Removes the files of a folder that were last written so long ago. */
async function removeOld(
  folder: string,
  olderThanMs: number,
  isMeant: (name: string) => boolean,
): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const removed: string[] = []
  for (const entry of entries.filter((one) => one.isFile() && isMeant(one.name))) {
    const path = join(entry.parentPath, entry.name)
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }))
    if (Date.now() - mtimeMs < olderThanMs) continue
    await rm(path, { force: true })
    removed.push(path)
  }
  return removed
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['ENOENT', 'ENOTDIR'].includes(String(error.code))
}

/** What the file system says about the folder, in words; anything else (the content broke off) stays as it is. */
function troubleOf(error: unknown, folder: string): unknown {
  if (!(error instanceof Error && 'syscall' in error && 'code' in error)) return error
  const isFull = NO_ROOM.includes(String(error.code))
  const message = isFull ? 'has no room left' : `cannot be used: ${messageOf(error)}`
  return new FileStoreError(isFull ? 'full' : 'away', `The folder for files, ${folder}, ${message}`, {
    cause: error,
  })
}

async function syncToDisk(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
