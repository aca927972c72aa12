import { createCache } from './cache.ts'
import type { Cache } from './cache.ts'
import type { Config } from './config.ts'
import { createDatabase } from './database.ts'
import type { Database } from './database.ts'
import type { FileStore } from './files.ts'
import { createFolderFiles } from './folder-files.ts'
import { createLogger } from './log.ts'
import type { Logger } from './log.ts'
import { createMailer } from './mailer.ts'
import type { Mailer } from './mailer.ts'
import { createMemory } from './memory.ts'
import type { Memory } from './memory.ts'
import { createPositionMemory } from './position.ts'
import { createQueue } from './queue.ts'
import type { JobPolicies, Queue } from './queue.ts'
import { closeRedis, createRedis, untilReady } from './redis.ts'
import { createResumableUploads } from './resumable.ts'
import type { ResumableUploads } from './resumable.ts'
import type { S3Settings } from './s3.ts'
import { createSealer } from './sealing.ts'
import type { Sealer } from './sealing.ts'
import { createWebClient } from './web-client.ts'
import type { WebClient } from './web-client.ts'

/** Everything a process has, made once by bin. Functions take the part they use. */
export interface App {
  readonly config: Config
  readonly log: Logger
  readonly database: Database
  readonly cache: Cache
  readonly memory: Memory
  readonly queue: Queue
  readonly files: FileStore
  readonly resumable: ResumableUploads
  readonly mailer: Mailer
  readonly sealer: Sealer
  readonly web: WebClient
  /** Ends all connections, in reverse order of their making. */
  close(): Promise<void>
}

/**
 * Makes the parts of a process.
 *
 * @param name which process, for its log lines.
 * @param policies payload schemas and attempts of all jobs (from the catalogue in jobs/, which src may not import).
 */
export async function createApp(config: Config, name: string, policies: JobPolicies): Promise<App> {
  const log = createLogger(name, config.log.level, config.log.bufferBytes)
  const { prefix } = config.redis
  const producer = createRedis(config.redis.queue, 'producer', log)
  const [cache] = await Promise.all([
    createCache(config.redis.cache, log, config.redis.cacheReads),
    untilReady(producer),
  ])
  const memory = createMemory(cache, prefix, log)
  const positions = createPositionMemory(cache, prefix)
  const database = createDatabase(config.database, positions, log, (things, position) =>
    memory.changed(things, position),
  )
  const queue = createQueue({ database, redis: producer, prefix, policies, log })
  const mailer = createMailer(config.mail)
  const files = config.s3 ? await openBucket(config.s3) : createFolderFiles(config.folders.files)
  return {
    config,
    log,
    database,
    cache,
    memory,
    queue,
    files,
    resumable: await createResumableUploads(config, files),
    mailer,
    sealer: createSealer(config.secrets.appKeys),
    web: createWebClient(config.web.privateAddresses),
    async close() {
      mailer.close()
      await queue.close()
      await database.close()
      await Promise.all([closeRedis(producer), cache.close()])
    },
  }
}

/** The library for buckets takes a tenth of a process's memory: only who has one loads it. */
async function openBucket(settings: S3Settings): Promise<FileStore> {
  const { createS3Bucket } = await import('./s3.ts')
  return createS3Bucket(settings)
}
