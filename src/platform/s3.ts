import { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  S3Client,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3'
import type { MultipartUpload, S3ClientConfig } from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { messageOf } from '../lib/errors.ts'
import { createMeasure, FileStoreError } from './files.ts'
import type { ByteRange, FileStore, StoreTrouble } from './files.ts'
import { EndlessReplyError, guardedAgents, limitReplies } from './guarded-s3.ts'
import type { S3Guard } from './guarded-s3.ts'
import { isForbiddenAddress } from './web-client.ts'

/** Where a bucket of an S3-compatible store is, and who may use it. */
export interface S3Settings {
  /** The address of the service; undefined for Amazon's own. */
  readonly endpoint: string | undefined
  readonly region: string
  readonly bucket: string
  readonly key: string
  readonly secret: string
  /** The bucket is named in the path, as most stores but Amazon's want it, and not in the host. */
  readonly isPathStyle: boolean
}

/** A file in a bucket. */
export interface S3Object {
  readonly key: string
  readonly bytes: number
  /** Changes with the content. */
  readonly etag: string
  readonly modified: Date
}

/** A bucket; any text may be a key. */
export interface S3Bucket extends FileStore {
  /** Everything whose key begins so, in the order of the keys, page by page as it is asked for. */
  list(prefix: string): AsyncGenerator<S3Object>
  /** Ends the connections. */
  close(): void
}

/** 10,000 of these, the most that S3 takes, are 80 GB. */
const PART_BYTES = 8 * 1024 * 1024
/** Parts on their way at once: with the one being filled this is the memory that an upload takes. */
const PARTS_AT_ONCE = 2
/** In milliseconds. */
const TIMES = { connectionTimeout: 5_000, socketTimeout: 60_000 }

/** A bucket that a person named: only what is brought there is limited, so nothing is read from it. */
export type GuardedBucket = Pick<S3Bucket, 'put' | 'remove' | 'close'>

/** A bucket of an S3-compatible store that a person named: it leads nowhere private, and cannot hold us. */
export function createGuardedBucket(settings: S3Settings, guard: S3Guard): GuardedBucket {
  const config = s3ClientConfig(settings)
  const client = new S3Client({ ...config, requestHandler: { ...TIMES, ...guardedAgents(guard) } })
  client.config.requestHandler = limitReplies(client.config.requestHandler, guard)
  return bucketOf(client, settings)
}

/** A bucket of an S3-compatible store. */
export function createS3Bucket(settings: S3Settings): S3Bucket {
  return bucketOf(new S3Client(s3ClientConfig(settings)), settings)
}

function bucketOf(client: S3Client, settings: S3Settings): S3Bucket {
  const { bucket: Bucket } = settings
  const said = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      throw troubleOf(error, settings)
    }
  }

  return {
    async put(Key, content) {
      const measure = createMeasure()
      const Body = Readable.from(measure.through(content), { objectMode: false })
      const upload = new Upload({
        client,
        params: { Bucket, Key, Body },
        partSize: PART_BYTES,
        queueSize: PARTS_AT_ONCE,
      })
      try {
        await said(upload.done())
      } finally {
        // A store that is away leaves the content unread.
        content.destroy()
      }
      return measure.result()
    },

    read: (key, range) => Readable.from(readOn(client, settings, key, range), { objectMode: false }),

    async size(Key) {
      try {
        const { ContentLength } = await client.send(new HeadObjectCommand({ Bucket, Key }))
        return ContentLength
      } catch (error) {
        const trouble = troubleOf(error, settings)
        if (trouble instanceof FileStoreError && trouble.trouble === 'missing') return undefined
        throw trouble
      }
    },

    async remove(Key) {
      await said(client.send(new DeleteObjectCommand({ Bucket, Key })))
    },

    async removeUnfinished(olderThanMs) {
      const before = Date.now() - olderThanMs
      let removed = 0
      for (const { Key, UploadId, Initiated } of await said(listUploads(client, Bucket))) {
        if (Initiated === undefined || Initiated.getTime() > before) continue
        await said(client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })))
        removed += 1
      }
      return removed
    },

    async removeOlder(prefix, olderThanMs) {
      const before = Date.now() - olderThanMs
      let removed = 0
      for await (const { key, modified } of list(prefix)) {
        if (modified.getTime() > before) continue
        await said(client.send(new DeleteObjectCommand({ Bucket, Key: key })))
        removed += 1
      }
      return removed
    },

    list,

    close() {
      client.destroy()
    },
  }

  async function* list(Prefix: string): AsyncGenerator<S3Object> {
    const pages = paginateListObjectsV2({ client }, { Bucket, Prefix })
    try {
      for await (const { Contents = [] } of pages)
        for (const { Key = '', Size = 0, ETag = '', LastModified = new Date() } of Contents)
          yield { key: Key, bytes: Size, etag: ETag, modified: LastModified }
    } catch (error) {
      throw troubleOf(error, settings)
    }
  }
}

/** How a client of the SDK reaches a bucket's store. */
export function s3ClientConfig({ endpoint, region, key, secret, isPathStyle }: S3Settings): S3ClientConfig {
  return {
    region,
    forcePathStyle: isPathStyle,
    credentials: { accessKeyId: key, secretAccessKey: secret },
    // Amazon's newer checksums are not known to every store; https and the signature protect what is sent.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: TIMES,
    ...(endpoint !== undefined && { endpoint }),
  }
}

/**
 * The content of a file. Where the connection breaks it goes on from there, with the same version of the file, for as
 * long as each attempt brings something.
 */
async function* readOn(
  client: S3Client,
  settings: S3Settings,
  Key: string,
  { start, end }: Partial<ByteRange> = {},
): AsyncGenerator<Buffer> {
  let version: string | undefined
  let next = start ?? 0
  for (;;) {
    const began = next
    try {
      const { Body, ETag } = await client.send(
        new GetObjectCommand({
          Bucket: settings.bucket,
          Key,
          IfMatch: version,
          // An empty file has no range at all, not even the whole.
          Range: next === 0 && end === undefined ? undefined : `bytes=${next}-${end ?? ''}`,
        }),
      )
      version = ETag
      for await (const chunk of Body as Readable as AsyncIterable<Buffer>) {
        next += chunk.length
        yield chunk
      }
      return
    } catch (error) {
      if (next === began) throw troubleOf(error, settings)
    }
  }
}

async function listUploads(
  client: S3Client,
  Bucket: string,
  after: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {},
): Promise<MultipartUpload[]> {
  const page = await client.send(new ListMultipartUploadsCommand({ Bucket, ...after }))
  const { Uploads = [], IsTruncated, NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page
  if (IsTruncated !== true) return Uploads
  return [...Uploads, ...(await listUploads(client, Bucket, { KeyMarker, UploadIdMarker }))]
}

const FULL = ['QuotaExceeded', 'InsufficientStorage', 'XMinioStorageFull']

/** What the store or the way to it says, in words; anything else (the content broke off) stays as it is. */
function troubleOf(error: unknown, { bucket, endpoint = 'Amazon S3' }: S3Settings): unknown {
  if (!(error instanceof Error && '$metadata' in error)) return error
  const { httpStatusCode: status } = error.$metadata as { httpStatusCode?: number }
  const [trouble, reason] = reasonOf(error, status)
  return new FileStoreError(trouble, `The bucket ${bucket} of ${endpoint} ${reason}.`, { cause: error })
}

function reasonOf(error: Error, status: number | undefined): [StoreTrouble, string] {
  // A request that only asks for the head of an answer is not told more than the status.
  const said = error.name === 'Unknown' ? `status ${status ?? 0}` : `${error.name}: ${error.message}`
  if (error instanceof EndlessReplyError) return ['refused', `is of no such store (${error.message})`]
  if (isForbiddenAddress(error)) return ['refused', 'leads into a private network, which is not allowed']
  if (error.name === 'AbortError') return ['away', 'did not answer in time']
  if (status === undefined) return ['away', `cannot be reached (${codeOf(error)})`]
  if (FULL.includes(error.name) || status === 507) return ['full', `has no room left (${said})`]
  if (error.name === 'NoSuchBucket') return ['refused', 'does not exist']
  if (status === 404) return ['missing', 'has no such file']
  if (status === 403 || status === 401) return ['refused', `refuses this key and secret (${said})`]
  return [status >= 500 ? 'away' : 'refused', `does not do this (${said})`]
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : messageOf(error)
}
