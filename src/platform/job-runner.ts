import { UnrecoverableError, Worker } from 'bullmq'
import type { Job as BullJob } from 'bullmq'
import type { Redis } from 'ioredis'
import type { z } from 'zod'
import type { App } from './app.ts'
import type { RequestDb } from './database.ts'
import type { Logger } from './log.ts'
import { findUnfinished, markDone, markFailure } from './outbox-store.ts'
import type { JobName, JobPayloads, QueuedJob } from './queue.ts'
import { closeRedis, createRedis } from './redis.ts'
import { runInContext } from './request-context.ts'

/** What a job's handler has besides the app. */
export interface JobRun {
  /** A handle whose reads show at least what the transaction that made the job wrote. One write transaction each. */
  openDb(): RequestDb
  readonly log: Logger
  /** Aborted when the worker is asked to stop: end soon, the job runs again elsewhere. */
  readonly signal: AbortSignal
  /** No attempt follows this one. */
  readonly isLastAttempt: boolean
}

/** A background job: its payload, how often it is tried, and what it does. */
export interface Job<N extends JobName> {
  readonly name: N
  readonly payload: z.ZodType<JobPayloads[N]>
  readonly attempts: number
  /** Runs at once in one worker process. */
  readonly concurrency: number
  /** Seconds before the second attempt; doubles from there, with jitter. */
  readonly backoffSeconds: number
  /** When it runs by itself, with an empty payload: a cron pattern in UTC. */
  readonly schedule?: string
  handle(app: App, payload: JobPayloads[N], run: JobRun): Promise<void>
}

export type JobCatalogue = { readonly [N in JobName]: Job<N> }

/** A failure that no further attempt will mend. */
export class PermanentError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'PermanentError'
  }
}

/** The processes' side of the queues that takes jobs. */
export interface JobRunner {
  /** Takes no new jobs, waits for those that run at most this long, then cancels them. */
  stop(milliseconds: number): Promise<void>
}

/** Starts taking jobs: all of the catalogue, or those named. */
export function startJobs(app: App, catalogue: JobCatalogue, only?: readonly string[]): JobRunner {
  const connection = createRedis(app.config.redis.queue, 'worker', app.log)
  const stopping = new AbortController()
  const workers = Object.values(catalogue)
    .filter((job) => only === undefined || only.includes(job.name))
    .map((job) => startWorker(app, job as Job<JobName>, connection, stopping.signal))

  return {
    async stop(milliseconds) {
      const timer = setTimeout(() => {
        stopping.abort()
      }, milliseconds)
      await Promise.all(workers.map((worker) => worker.close()))
      clearTimeout(timer)
      await closeRedis(connection)
    },
  }
}

function startWorker(app: App, job: Job<JobName>, connection: Redis, signal: AbortSignal): Worker {
  const worker = new Worker<QueuedJob>(job.name, (taken) => handleOnce(app, job, taken, signal), {
    connection,
    prefix: `${app.config.redis.prefix}:queue`,
    concurrency: job.concurrency,
    settings: {
      backoffStrategy: (attempt = 1) =>
        job.backoffSeconds * 1_000 * 2 ** (attempt - 1) * (0.75 + Math.random() / 2),
    },
  })
  worker.on('error', (error) => {
    app.log.warn({ err: error, job: job.name }, 'job queue trouble')
  })
  return worker
}

/** Runs one job unless its outbox row has ended: a repeated delivery is nothing. */
async function handleOnce(
  app: App,
  job: Job<JobName>,
  taken: BullJob<QueuedJob>,
  signal: AbortSignal,
): Promise<void> {
  const { outboxId, position } = taken.data
  const row = await app.database.open({ writes: false }).readPrimary((db) => findUnfinished(db, outboxId))
  if (!row) return
  const requestId = row.requestId ?? `job-${outboxId}`
  await runInContext({ requestId }, async () => {
    const log = app.log.child({ job: job.name, outboxId })
    const isLastAttempt = taken.attemptsMade + 1 >= job.attempts
    const openDb = () => app.database.open({ writes: true, position })
    try {
      await job.handle(app, job.payload.parse(row.payload), { openDb, log, signal, isLastAttempt })
      await openDb().call((db) => markDone(db, outboxId), { silent: true })
    } catch (error) {
      const isFinal = (isLastAttempt && !signal.aborted) || error instanceof PermanentError
      log[isFinal ? 'error' : 'warn']({ err: error, attempt: taken.attemptsMade + 1 }, 'job failed')
      const message = error instanceof Error ? error.message : String(error)
      await openDb().call((db) => markFailure(db, outboxId, message, isFinal), { silent: true })
      throw isFinal ? new UnrecoverableError(message) : error
    }
  })
}
