import { Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import { endsWithin } from '../lib/patience.ts'
import type { App } from './app.ts'
import { RetryLater, attemptJob } from './job-attempt.ts'
import type { Job, JobCatalogue } from './job.ts'
import { queuePrefix } from './queue.ts'
import type { JobName, QueuedJob } from './queue.ts'
import { closeRedis, createRedis } from './redis.ts'

/** The processes' side of the queues that takes jobs. */
export interface JobRunner {
  /** Takes no new jobs, waits for those that run at most this long, then cancels them. */
  stop(milliseconds: number): Promise<void>
}

/** How long the queue servers leave a job to a worker that shows no sign of life, in milliseconds. */
const LOCK_MS = 20_000
/** How long cancelled jobs may take to say so, in milliseconds. */
const CANCEL_MS = 2_000
/** Before a job that could not even be begun (the database is away) is offered again, in milliseconds. */
const OFFER_AGAIN_MS = 5_000

/**
 * Starts taking jobs: all of the catalogue, or those named.
 *
 * @param only the names, each with how many run at once where it is not the job's own number.
 * @throws Error naming jobs that do not exist.
 */
export function startJobs(
  app: App,
  catalogue: JobCatalogue,
  only?: ReadonlyMap<string, number | undefined>,
): JobRunner {
  const unknown = [...(only?.keys() ?? [])].filter((name) => !Object.hasOwn(catalogue, name))
  if (unknown.length > 0) throw new Error(`WORKER_JOBS names jobs that do not exist: ${unknown.join(', ')}`)
  const connection = createRedis(app.config.redis.queue, 'worker', app.log)
  const stopping = new AbortController()
  const workers = Object.values(catalogue)
    .filter((job) => only === undefined || only.has(job.name))
    .map((job) => {
      const concurrency = only?.get(job.name) ?? job.concurrency
      return startWorker(app, { ...(job as Job<JobName>), concurrency }, connection, stopping.signal)
    })

  return {
    async stop(milliseconds) {
      const closed = Promise.allSettled(workers.map((worker) => worker.close()))
      await endsWithin(closed, milliseconds)
      stopping.abort()
      await endsWithin(closed, CANCEL_MS)
      await closeRedis(connection)
    },
  }
}

function startWorker(app: App, job: Job<JobName>, connection: Redis, stopping: AbortSignal): Worker {
  const worker = new Worker<QueuedJob>(job.name, (taken) => attemptJob(app, job, taken.data, stopping), {
    connection,
    prefix: queuePrefix(app.config.redis.prefix),
    concurrency: job.concurrency,
    lockDuration: LOCK_MS,
    lockRenewTime: LOCK_MS / 4,
    stalledInterval: LOCK_MS / 4,
    // The row counts how often a job was begun; the servers just hand it out again.
    maxStalledCount: 1_000_000,
    settings: {
      backoffStrategy: (_attempt, _type, error) =>
        error instanceof RetryLater ? error.seconds * 1_000 : OFFER_AGAIN_MS,
    },
  })
  worker.on('error', (error) => {
    app.log.warn({ err: error, job: job.name }, 'job queue trouble')
  })
  return worker
}
