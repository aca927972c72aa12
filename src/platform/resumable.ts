import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { FileStore as TusFolder } from '@tus/file-store'
import type { S3Store as TusBucket } from '@tus/s3-store'
import type { Upload } from '@tus/server'
import { AppError } from '../lib/errors.ts'
import type { Config } from './config.ts'
import type { RequestDb } from './database.ts'
import type { FileStore } from './files.ts'
import { deleteOldWaiting, deleteWaiting, insertWaiting, lockWaiting } from './resumable-store.ts'
import type { BegunUpload } from './resumable-store.ts'
import type { S3Settings } from './s3.ts'

/** The folder, or the beginning of the keys, of uploads that are under way or wait for their form. */
const PREFIX = 'resumable/'
/** The content of one; the library keeps what it notes beside it. */
const FILE = '/file'

/** A file that came whole. */
export interface ResumedFile {
  readonly name: string
  readonly bytes: number
}

/** Uploads that go on where they broke off. Each belongs to one person, whose id begins its own. */
export interface ResumableUploads {
  /** What the protocol's server keeps them in. */
  readonly store: () => TusFolder | TusBucket
  /** The name of an upload in that store. */
  readonly keyOf: (id: string) => string
  /** The upload that has this name. */
  readonly idOf: (key: string) => string
  /** The upload of a person, when it has come whole; undefined when it is somebody else's or has not. */
  find(userId: number, id: string): Promise<ResumedFile | undefined>
  copyTo(id: string, path: string): Promise<void>
  /**
   * Notes that an upload begins.
   *
   * @throws AppError too-many when too much of this person waits for a form already.
   */
  begin(db: RequestDb, upload: BegunUpload): Promise<void>
  remove(db: RequestDb, id: string): Promise<void>
  /** Removes those of which nothing came for so long; how many. */
  removeOld(db: RequestDb, olderThanMs: number): Promise<number>
}

/** Of one person, at once: more than anybody fills in forms for. */
const WAITING_MAX = 20
/** All of them together may have so many times what one may have. */
const WAITING_BYTES_FACTOR = 3

export async function createResumableUploads(
  { s3, folders, uploads }: Pick<Config, 's3' | 'folders' | 'uploads'>,
  files: FileStore,
): Promise<ResumableUploads> {
  const openStore = s3 ? await bucketOpener(s3) : () => new TusFolder({ directory: folders.files })
  let opened: TusFolder | TusBucket | undefined
  // Only when it is needed: the library's folder is made by making the store.
  const store = () => (opened ??= withoutTermination(openStore()))
  const keyOf = (id: string) => `${PREFIX}${id}${FILE}`

  return {
    store,
    keyOf,
    idOf: (key) => key.slice(PREFIX.length, -FILE.length),
    async find(userId, id) {
      if (!isOwnUpload(userId, id)) return undefined
      const upload = await store()
        .getUpload(keyOf(id))
        .catch(() => undefined)
      return upload && wholeFile(upload)
    },
    copyTo: (id, path) => pipeline(files.read(keyOf(id)), createWriteStream(path, { mode: 0o600 })),
    async begin(db, upload) {
      const bytesMax = WAITING_BYTES_FACTOR * uploads.resumableBytesMax
      await db.write(async (tx) => {
        const { count, bytes } = await lockWaiting(tx, upload.userId)
        if (count >= WAITING_MAX || bytes + upload.bytes > bytesMax) throw new AppError('too-many', FULL)
        await insertWaiting(tx, upload)
      })
    },
    async remove(db, id) {
      await files.removeOlder(`${PREFIX}${id}/`, -Infinity)
      await db.call((primary) => deleteWaiting(primary, id), { silent: true })
    },
    async removeOld(db, olderThanMs) {
      const removed = await files.removeOlder(PREFIX, olderThanMs)
      await db.call((primary) => deleteOldWaiting(primary, olderThanMs / 1_000), { silent: true })
      return removed
    },
  }
}

const FULL =
  'Too many files of yours are on their way and not in a form yet. Send the forms of those that have come, or wait until tomorrow: what no form takes is removed at night.'

/** Whether an upload is this person's: by its id alone. */
export function isOwnUpload(userId: number, id: string): boolean {
  return /^\d+-[0-9a-f]{32}$/.test(id) && id.startsWith(`${userId}-`)
}

/** Remembers nothing: another process goes on with an upload, or removes it. */
const NOTHING = {
  get: () => Promise.resolve(undefined),
  set: () => Promise.resolve(),
  delete: () => Promise.resolve(),
}

/** Loads what only a bucket needs. */
async function bucketOpener(s3: S3Settings): Promise<() => TusBucket> {
  const [{ S3Store }, { s3ClientConfig }] = await Promise.all([import('@tus/s3-store'), import('./s3.ts')])
  const s3ClientOptions = { ...s3ClientConfig(s3), bucket: s3.bucket }
  return () => new S3Store({ s3ClientConfig: s3ClientOptions, useTags: false, cache: NOTHING })
}

/** In a bucket the library does not remove what has come whole; whatever no form takes goes after a day. */
function withoutTermination<T extends TusFolder | TusBucket>(store: T): T {
  store.extensions = store.extensions.filter((extension) => extension !== 'termination')
  return store
}

function wholeFile({ size, offset, metadata }: Upload): ResumedFile | undefined {
  if (size === undefined || offset !== size) return undefined
  return { name: metadata?.['filename'] ?? '', bytes: size }
}
